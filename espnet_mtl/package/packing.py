"""Pack a trained model into one zip that any ESPnet user can load."""

import os
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from espnet_mtl.errors import UserError
from espnet_mtl.package.named_files import named_files

META_NAME = "meta.yaml"
# Names of the arguments of ESPnet's Speech2Text, by which it finds the files.
CONFIG_KEY, WEIGHTS_KEY = "asr_train_config", "asr_model_file"
LM_CONFIG_KEY, LM_WEIGHTS_KEY, NGRAM_KEY = "lm_train_config", "lm_file", "ngram_file"
CONFIG_KEYS = (CONFIG_KEY, LM_CONFIG_KEY)
MODEL_KEYS = (WEIGHTS_KEY, LM_WEIGHTS_KEY, NGRAM_KEY)
KEYS = (*CONFIG_KEYS, *MODEL_KEYS)
# Settings of our trainings that no model depends on, and that ESPnet does not know.
_OF_TRAINING = ("robust", "robust_conf", "shuffle_accents")
_ZIP_DATE = (1980, 1, 1, 0, 0, 0)


def pack_model(
    config: Path,
    weights: Path,
    options: list[Path],
    output: Path,
    lm: tuple[Path, Path] | None = None,
    ngram: Path | None = None,
) -> dict[str, str]:
    """Write a zip in ESPnet's package format.

    Paths in the configuration that point to a packed file (the sentencepiece model,
    the feature statistics) are rewritten to the file's name in the zip, wherever the
    experiment lies; ESPnet's ``unpack`` then points them to the unpacked files.

    The zip is a function of what is in the files and of where they lie below the folder
    that they share, and of nothing else: no date, no version. So the same model, packed
    again or from a copy, is the same zip, and what an attack has done with one counts
    for the other.

    Args:
        config: The ``config.yaml`` that training saved.
        weights: The state dict.
        options: Other files to put in. Files that the configuration needs are packed
            in any case.
        output: The zip; it appears whole or not at all.
        lm: Configuration and weights of a language model.
        ngram: An n-gram model.

    Returns:
        The name in the zip of each packed file, by its path.

    Raises:
        UserError: If a file is missing, or the language model has other tokens.
    """
    configs, models = {CONFIG_KEY: config}, {WEIGHTS_KEY: weights}
    if lm is not None:
        configs[LM_CONFIG_KEY], models[LM_WEIGHTS_KEY] = lm
    if ngram is not None:
        models[NGRAM_KEY] = ngram
    settings = {path.resolve(): _read_config(path) for path in configs.values()}
    tokens = [one.get("token_list") or [] for one in settings.values()]
    if lm is not None:
        check_lm_tokens(tokens[0], tokens[-1], lm[0])
    needed = []
    for path in configs.values():
        needed += _files_named_in(settings[path.resolve()], path)
    files = [*configs.values(), *models.values(), *options, *needed]
    for file in files:
        if not file.is_file():
            raise UserError(f"{file}: no such file; it is needed to pack {output}")
    # Named by their path below the deepest folder that has all of them.
    paths = [file.resolve() for file in files]
    root = os.path.commonpath([path.parent for path in paths])
    names = {path: str(path.relative_to(root)) for path in paths}
    meta = {
        "yaml_files": {key: names[path.resolve()] for key, path in configs.items()},
        "files": {key: names[path.resolve()] for key, path in models.items()},
    }

    output.parent.mkdir(parents=True, exist_ok=True)
    unfinished = output.with_name(f".{output.name}.unfinished")
    try:
        with zipfile.ZipFile(unfinished, "w") as archive:
            add_file(archive, META_NAME, yaml.safe_dump(meta).encode())
            for path, name in names.items():
                if path in settings:
                    own = settings[path].items()
                    kept = {k: v for k, v in own if k not in _OF_TRAINING}
                    files = {*named_files(kept).values()}
                    packed = _rename_paths(kept, names, files)
                    add_file(archive, name, yaml.safe_dump(packed).encode())
                else:
                    add_file(archive, name, path.read_bytes())
        unfinished.replace(output)
    finally:
        unfinished.unlink(missing_ok=True)
    return {str(path): name for path, name in names.items()}


def check_lm_tokens(
    asr_tokens: Sequence[str], lm_tokens: Sequence[str], lm_config: Path | str
) -> None:
    """Refuse a language model of other tokens: ESPnet adds scores by their numbers."""
    if list(asr_tokens) != list(lm_tokens):
        raise UserError(
            f"{lm_config}: the language model has other tokens ({len(lm_tokens)}) than "
            f"the recogniser ({len(asr_tokens)}); train it with the recogniser's token "
            "list (stages 6 and 7)"
        )


def _read_config(config: Path) -> dict[str, Any]:
    if not config.is_file():
        raise UserError(
            f"{config}: no such file; training (stage 11, or 7 for a language model) "
            "writes it"
        )
    settings = yaml.safe_load(config.read_text(encoding="utf-8"))
    if not isinstance(settings, dict):
        raise UserError(f"{config}: not a training configuration")
    return settings


def _files_named_in(settings: dict[str, Any], config: Path) -> list[Path]:
    files = [Path(name) for name in named_files(settings).values()]
    for file in files:
        if not file.is_file():
            raise UserError(f"{config} names {file}, which does not exist")
    return files


def _rename_paths(value: Any, names: dict[Path, str], files: set[str]) -> Any:
    """Rename what is a path, or one of the files that are named without a folder."""
    if isinstance(value, dict):
        return {key: _rename_paths(item, names, files) for key, item in value.items()}
    if isinstance(value, list):
        return [_rename_paths(item, names, files) for item in value]
    if isinstance(value, str) and ("/" in value or value in files):
        return names.get(Path(value).resolve(), value)
    return value


def add_file(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    """Add a file to a package, without the date that it was added on."""
    # Not compressed: weights hardly get smaller, and the bytes would be another zlib's.
    info = zipfile.ZipInfo(name, _ZIP_DATE)
    info.create_system = 3  # Unix, wherever it is packed
    info.external_attr = 0o644 << 16
    archive.writestr(info, content)
