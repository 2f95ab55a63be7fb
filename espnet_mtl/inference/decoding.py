"""How a model is asked to decode: a configuration, and options that win over it.

No ESPnet and no torch here, so that a command can say at once what a result depends on.
"""

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from espnet_mtl.errors import UserError
from espnet_mtl.provenance import hash_file

# The options of ESPnet's asr_inference that name a file, but for those of the model and
# of the audio, which are given in other ways.
FILE_OPTIONS = (
    "lm_train_config",
    "lm_file",
    "word_lm_train_config",
    "word_lm_file",
    "ngram_file",
    "bpemodel",
    "prompt_token_file",
)
# Our own option: the settings of randomised smoothing.
SMOOTHING = "smoothing"
_CONFIG = "config"
# It may also be the name of a tokenizer, such as whisper_en.
_MAY_BE_A_NAME = "bpemodel"


@dataclass(frozen=True)
class Decoding:
    """Settings of a decoding, as a user gives them.

    Attributes:
        config: The YAML file of ``--inference_config``; ``None`` for ESPnet's defaults.
        args: The options of ``--inference_args``, which win over the file. Quote a
            value that has blanks, as in a shell.
    """

    config: Path | None = None
    args: str = ""

    def words(self) -> list[str]:
        """Return the settings as the command line of ESPnet's ``asr_inference``."""
        config = [] if self.config is None else [f"--{_CONFIG}", str(self.config)]
        return [*config, *self._split_args()]

    def stamp(self) -> dict[str, Any]:
        """Describe all that the settings stand for, for a stamp of provenance.

        Returns:
            ``config`` and ``args``: the options that each sets, and ``files``: the
            digest of each file that an option names, by the option. Paths count for
            nothing but what they point to.

        Raises:
            UserError: If a file is missing, or the settings cannot be read.
        """
        args = self._read_args()
        config = self._read_config(args.pop(_CONFIG, None))
        files = {}
        for name in FILE_OPTIONS:
            path = args.pop(name, [config.get(name)])[-1]
            config.pop(name, None)
            if path is None:
                continue
            if Path(path).is_file():
                files[name] = hash_file(path)
            elif name == _MAY_BE_A_NAME:
                files[name] = str(path)
            else:
                raise UserError(f"--{name} {path}: no such file")
        return {"config": config, "args": args, "files": files}

    def defence(self) -> list[Any]:
        """Return what the settings say of randomised smoothing; empty without it.

        It is a part of the model that an attack follows, also where nobody listens.
        """
        args = self._read_args()
        config = self._read_config(args.pop(_CONFIG, None))
        return [part[SMOOTHING] for part in (config, args) if SMOOTHING in part]

    def _split_args(self) -> list[str]:
        try:
            return shlex.split(self.args)
        except ValueError as error:
            raise UserError(f"--inference_args '{self.args}': {error}") from error

    def _read_args(self) -> dict[str, list[str]]:
        """Collect the values of each option, in the order in which they were given."""
        values: dict[str, list[str]] = {}
        name = None
        for word in self._split_args():
            if word.startswith("--"):
                short, equals, value = word[2:].partition("=")
                name = _full_name(short)
                values.setdefault(name, []).extend([value] if equals else [])
            elif name is None:
                raise UserError(
                    f"--inference_args '{self.args}': '{word}' is no option; options "
                    "look like --beam_size 5"
                )
            else:
                values[name].append(word)
        for file_option in (_CONFIG, *FILE_OPTIONS):
            if values.get(file_option) == []:
                raise UserError(
                    f"--inference_args '{self.args}': --{file_option} needs a file"
                )
        return values

    def _read_config(self, instead: list[str] | None) -> dict[str, Any]:
        """Read the configuration; one that ``args`` name takes its place."""
        path = self.config if instead is None else Path(instead[-1])
        if path is None:
            return {}
        if not path.is_file():
            raise UserError(f"--inference_config {path}: no such file")
        try:
            options = yaml.safe_load(path.read_text(encoding="utf-8"))
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise UserError(f"{path}: not a YAML file ({error})") from error
        if not isinstance(options, dict):
            raise UserError(f"{path}: holds no options, such as 'beam_size: 5'")
        return options


def _full_name(name: str) -> str:
    """Complete an abbreviation, which ESPnet's parser takes where only one fits."""
    names = (_CONFIG, SMOOTHING, *FILE_OPTIONS)
    fits = [full for full in names if full.startswith(name)]
    return name if name in fits else next(iter(fits), name)
