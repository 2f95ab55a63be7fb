"""Copy a data directory, with other names of utterances and speakers."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

from espnet_mtl.data.checks import check_apart
from espnet_mtl.data.datadir import DataDir
from espnet_mtl.data.errors import DataDirError
from espnet_mtl.data.file_kinds import Kind


def copy_data_dir(
    source: Path,
    target: Path,
    utt_affixes: tuple[str, str] = ("", ""),
    spk_affixes: tuple[str, str] = ("", ""),
    extra_files: Iterable[str] = (),
) -> None:
    """Copy a data directory: every file that belongs to it.

    Recordings keep their names where there is ``segments``; elsewhere they are the
    utterances.

    Args:
        utt_affixes: What comes before and after the names of utterances.
        spk_affixes: What comes before and after the names of speakers.
        extra_files: Names of further files, to be copied as they are.

    Raises:
        DataDirError: If a table is faulty or a further file is not there.
    """
    check_apart(source, target)
    directory = DataDir.read(source)
    name_utt = _renamer(*utt_affixes)
    renamed = directory.rename(
        {
            Kind.UTTERANCE: name_utt,
            Kind.SPEAKER: _renamer(*spk_affixes),
            Kind.RECORDING: str if directory.has_segments else name_utt,
        }
    )
    known = {*renamed.tables, *renamed.inverses}
    further = {name: _read(source / name) for name in extra_files if name not in known}
    copy = replace(renamed, whole={**renamed.whole, **further})
    directory.tell_left_out(copy.write(target))


def _renamer(prefix: str, suffix: str) -> Callable[[str], str]:
    return lambda name: f"{prefix}{name}{suffix}"


def _read(path: Path) -> bytes:
    if not path.is_file():
        raise DataDirError(f"{path}: no such file; --extra-files asks for it")
    return path.read_bytes()
