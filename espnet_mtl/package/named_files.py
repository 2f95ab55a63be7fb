"""The files that a configuration names, and where they are in a package."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from espnet_mtl.errors import UserError

# Settings that name a file; a word for each level. Lists of tokens and accents are
# mostly in the configuration itself.
_LISTS = ("token_list", "accent_list")
_FILES = (
    *((name,) for name in _LISTS),
    ("bpemodel",),
    ("non_linguistic_symbols",),
    ("normalize_conf", "stats_file"),
)
# Those whose content may stand in the configuration itself
_WRITTEN_OUT = (*_LISTS, "non_linguistic_symbols")


def named_files(settings: Mapping[str, Any]) -> dict[str, str]:
    """Return the files that a model needs, by setting: ``normalize_conf: stats_file``.

    They are the tokenizer, symbols, statistics, and lists that are not written out.
    """
    return {
        setting: value
        for setting, value in _settings_of_files(settings)
        if isinstance(value, str) and value
    }


def _settings_of_files(settings: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the settings that may name a file, with whatever stands there."""
    for words in _FILES:
        value: Any = settings
        for word in words:
            value = value.get(word) if isinstance(value, Mapping) else None
        yield ": ".join(words), value


def plain_names(members: Iterable[str]) -> set[str]:
    """Return names in a package as they are compared: ``./a`` and ``a//`` are ``a``."""
    return {str(PurePosixPath(member)) for member in members}


def check_named_files(
    settings: Mapping[str, Any], members: Collection[str], place: str
) -> None:
    """Check that all files that a configuration names are members of its package.

    ``members`` are the :func:`plain_names` of the package.

    Raises:
        UserError: If one is not, or if an argument of a class looks like a path.
    """
    for setting, value in _settings_of_files(settings):
        # The number 5 would be taken for the file '5' of the working directory.
        written_out = setting in _WRITTEN_OUT and isinstance(value, list)
        if value is not None and not isinstance(value, str) and not written_out:
            raise UserError(
                f"{place}: refused: '{setting}: {value}' is not the name of a file"
            )
    for setting, value in _walk(settings):
        if _leaves_folder(value):
            raise UserError(
                f"{place}: refused: '{setting}: {value}' names a file or an address "
                "outside the package. If you have made the model yourself, pack it "
                "again by stage 14 or asr_mtl_pack, which take the file in, or add "
                "--trust_model_zip"
            )
    for setting, name in named_files(settings).items():
        if str(PurePosixPath(name)) not in members:
            raise UserError(
                f"{place}: refused: '{setting}: {name}' is not in the package, which "
                "has to have all files that its model needs: pack it again with this "
                f"file (asr_mtl_pack finds it; espnet2.bin.pack needs --option {name})"
            )


def point_to_unpacked(
    value: Any, members: Collection[str], folder: Path, key: str = ""
) -> Any:
    """Replace names of members by the paths of the unpacked files, as ESPnet does.

    Args:
        value: A configuration, or a part of it.
        members: The :func:`plain_names` of the package.
        folder: Where they are unpacked.
        key: What the value is called. Tokens and accents are no names of files.
    """
    if isinstance(value, dict):
        return {
            name: point_to_unpacked(one, members, folder, str(name))
            for name, one in value.items()
        }
    if isinstance(value, list):
        if key in _LISTS:
            return value
        return [point_to_unpacked(one, members, folder, key) for one in value]
    if isinstance(value, str) and str(PurePosixPath(value)) in members:
        return str((folder / value).resolve())
    return value


def _walk(value: Any, setting: str = "") -> Iterator[tuple[str, str]]:
    """Yield all texts with what they are called, but for tokens and accents."""
    if isinstance(value, Mapping):
        for name, one in value.items():
            yield from _walk(one, f"{setting}: {name}" if setting else str(name))
    elif isinstance(value, list) and setting not in _LISTS:
        for one in value:
            yield from _walk(one, setting)
    elif isinstance(value, str):
        yield setting, value


def _leaves_folder(name: str) -> bool:
    return (
        name.startswith(("/", "~", "\\")) or "://" in name or ".." in Path(name).parts
    )
