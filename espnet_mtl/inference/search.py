"""The options of a search, as ESPnet's ``Speech2Text`` takes them."""

import argparse
import inspect
import logging
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NoReturn

import espnet_mtl.fast_start  # noqa: F401  (before ESPnet)

from espnet2.bin import asr_inference
from espnet2.utils.nested_dict_action import NestedDictAction

from espnet_mtl.errors import UserError
from espnet_mtl.inference.decoding import FILE_OPTIONS, SMOOTHING, Decoding
from espnet_mtl.inference.smoothing import Smoothing, read_smoothing
from espnet_mtl.package.packing import CONFIG_KEY, NGRAM_KEY, WEIGHTS_KEY
from espnet_mtl.package.unpacking import unpack_model
from espnet_mtl.provenance import hash_file

_DEFAULTS = {
    name: parameter.default
    for name, parameter in inspect.signature(
        asr_inference.Speech2Text.__init__
    ).parameters.items()
    if name not in ("self", "device")
}
_FILES = (CONFIG_KEY, WEIGHTS_KEY, *FILE_OPTIONS)
# Models that separate speakers or enhance speech, which ESPnet would load itself (and
# run any code that is in them), and what ESPnet does not implement.
_NOT_HERE = ("enh_s2t_task", "multi_asr", "word_lm_train_config", "word_lm_file")
# ESPnet's option for a window of CTC scores: frames on each side, 0 for all frames
_WINDOW = "ctc_window_margin"
# The option that weighs a model, and the one that names it.
_WEIGHED = {"lm_weight": "lm_train_config", "ngram_weight": "ngram_file"}


def get_parser() -> argparse.ArgumentParser:
    """Return the parser of ESPnet's ``asr_inference``, with options of our own."""
    parser: argparse.ArgumentParser = asr_inference.get_parser()
    # From 202611 on, ESPnet scores CTC prefixes within a window, unless told otherwise.
    # Here a model hears the same with all releases: a window may lose the best
    # hypothesis, and that would count as robustness, or the lack of it.
    if _WINDOW in _DEFAULTS:
        parser.set_defaults(**{_WINDOW: 0})
    parser.add_argument(
        "--smoothing",
        action=NestedDictAction,
        help="Randomised smoothing: so many noisy copies of the audio vote, e.g. "
        "'{std: 0.01, draws: 16}', or std=0.01; see doc/smoothing.md",
    )
    return parser


@dataclass(frozen=True)
class Search:
    """What a recogniser is made of, and how it searches for the text.

    Attributes:
        options: Arguments of ``Speech2Text``, all but ``device``.
        smoothing: How noisy copies of the audio vote; ``None`` for no such defence.
    """

    options: Mapping[str, Any]
    smoothing: Smoothing | None = None

    @classmethod
    def from_args(cls, args: argparse.Namespace) -> "Search":
        """Pick the options of ESPnet's ``asr_inference`` that belong to the search.

        Raises:
            UserError: If one of them is not supported, or smoothing makes no sense.
        """
        for option in _NOT_HERE:
            if getattr(args, option):
                raise UserError(f"--{option} is not supported here; leave it out")
        try:
            smoothing = read_smoothing(getattr(args, SMOOTHING))
        except UserError as error:
            place = f"--config {args.config}: " if args.config else "--"
            raise UserError(f"{place}{error}") from None
        options = {k: v for k, v in vars(args).items() if k in _DEFAULTS}
        return cls(options, smoothing)

    def with_package(
        self, zip_file: Path, folder: Path, trusted: bool = False
    ) -> "Search":
        """Add the files of a package; files that options name already stay.

        Args:
            zip_file: The package.
            folder: Where it is unpacked; must not exist, and has to stay until the
                models are built.
            trusted: Whether the user stands for the package. If not, its n-gram model
                is left out if it has no weight, and refused if it has.

        Raises:
            UserError: If the package or its n-gram model is refused.
        """
        files = unpack_model(zip_file, folder, trusted)
        missing = {k: str(v) for k, v in files.items() if self.options[k] is None}
        if NGRAM_KEY in missing and not trusted:
            if self.options["ngram_weight"] != 0:
                name = files[NGRAM_KEY].relative_to(folder)
                raise UserError(
                    f"{zip_file}: refused: its n-gram model {name} is read by KenLM, "
                    "where a hostile file can do anything. If you have packed it "
                    "yourself, or trust who has, add --trust_model_zip; or decode "
                    "without it: --inference_args '--ngram_weight 0'"
                )
            del missing[NGRAM_KEY]
        return replace(self, options={**self.options, **missing})

    def weight(self, name: str) -> float:
        """Return ``lm_weight`` or ``ngram_weight``; 0 if there is no such model."""
        return self.options[name] if self.options[_WEIGHED[name]] else 0.0

    def beam_size(self, tokens: Sequence[str]) -> int:
        """Return how many hypotheses are kept: never more than there are tokens."""
        return min(self.options["beam_size"], len(tokens))

    def hash_files(self) -> dict[str, str]:
        """Hash the files that the options name, by option."""
        named = {name: self.options.get(name) for name in _FILES}
        return {k: hash_file(v) for k, v in named.items() if v and Path(v).is_file()}

    def log_ignored_weights(self) -> None:
        """Log which weights have no effect, which ESPnet does not."""
        for name, model in _WEIGHED.items():
            weight, has_model = self.options[name], bool(self.options[model])
            if has_model and weight == 0:
                logging.warning("%s is 0: %s has no effect", name, model)
            elif weight and not has_model:
                logging.info("%s %g has no effect: no %s is given", name, weight, model)

    def describe(self, tokens: Sequence[str], files: Container[str]) -> dict[str, Any]:
        """List what it takes to decode in the same way with stock ``Speech2Text``.

        That is beam and weights, whatever they are, and other options that are not
        ``Speech2Text``'s defaults. Files are left out.

        Args:
            tokens: The model's tokens, which limit the beam.
            files: Files of the package, by option.
        """
        if self.smoothing is not None:
            logging.warning(
                "Stock ESPnet has no smoothing: its Speech2Text hears without that "
                "defence, and what was scored here is not what it hears"
            )
        told = {
            "beam_size": self.beam_size(tokens),
            "ctc_weight": self.options["ctc_weight"],
        }
        for name, model in _WEIGHED.items():
            if model in files:
                told[name] = self.options[name]
        left_out = {*told, *_WEIGHED, *_FILES}
        for name, value in self.options.items():
            if name not in left_out and value != _DEFAULTS[name]:
                told[name] = value
        return told


def read_search(decoding: Decoding) -> Search:
    """Read the settings of a decoding, through ESPnet's own parser.

    Returns:
        The search, which names no recogniser yet.

    Raises:
        UserError: If the configuration is missing, or something is not an option.
    """
    if decoding.config is not None and not decoding.config.is_file():
        raise UserError(f"--inference_config {decoding.config}: no such file")

    def refuse(message: str) -> NoReturn:
        raise UserError(
            f"--inference_config {decoding.config}, --inference_args "
            f"'{decoding.args}': not options of decoding: {message}"
        )

    parser = get_parser()
    parser.error = refuse  # type: ignore[method-assign]  # else it ends the process
    # The parser asks for these, though no table is read here.
    needed = ["--output_dir", "none"]
    needed += ["--data_path_and_name_and_type", "none,speech,sound"]
    args = parser.parse_args([*needed, *decoding.words()])
    args.asr_train_config = args.asr_model_file = None  # given in another way
    return Search.from_args(args)
