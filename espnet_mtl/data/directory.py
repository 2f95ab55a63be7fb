"""Whole data directories: every file of one is carried over, or left out aloud."""

import logging
import shutil
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from itertools import count
from pathlib import Path

from espnet_mtl.atomic import write_files
from espnet_mtl.data.datadir import invert, some
from espnet_mtl.data.errors import DataDirError
from espnet_mtl.data.file_kinds import Files, Kind, inverse_of, is_inverse, kind_of
from espnet_mtl.data.tables import read_table, render_table, split_line

Table = dict[str, str]

# What stages leave in their directories: it never belongs to another one.
_OF_STAGES = ("data/", "logdir/", "bad_audio")


def cut(source: Files, parts: Sequence[Collection[str]]) -> list[dict[str, bytes]]:
    """Give each part of a directory its lines of every table.

    Args:
        source: The directory.
        parts: The utterances of each part; no utterance is in two of them.

    Returns:
        Content by file name, for each part. Speakers and recordings that a part does
        not use are not in it, nor are tables that have no line for it.

    Raises:
        DataDirError: If a table is faulty, or names an utterance that is not there.
    """
    owners = _find_owners(source, parts)
    files = [_whole_files(source) for _ in parts]
    for name, kind in source.tables.items():
        shares: list[Table] = [{} for _ in parts]
        for key, value in read_loose_table(source.path / name).items():
            for part in owners[kind].get(key, ()):
                shares[part][key] = value
        for content, share in zip(files, shares, strict=True):
            if share:
                content |= render(name, share, source.inverses)
    return files


def rename(source: Files, new: Mapping[Kind, Callable[[str], str]]) -> dict[str, bytes]:
    """Give every line of a directory another key.

    Args:
        source: The directory.
        new: New names of utterances, speakers and recordings.

    Returns:
        Content by file name.

    Raises:
        DataDirError: If a table is faulty.
    """
    files = _whole_files(source)
    for name, kind in source.tables.items():
        table = read_loose_table(source.path / name)
        if name == "utt2spk":
            table = {utt: new[Kind.SPEAKER](spk) for utt, spk in table.items()}
        renamed = {new[kind](key): value for key, value in table.items()}
        files |= render(name, renamed, source.inverses)
    return files


def render(name: str, table: Table, inverses: Collection[str]) -> dict[str, bytes]:
    """Give a table as its file has it, and the inverse of it that goes along.

    Args:
        name: The table's file name.
        table: The table.
        inverses: Inverses that are wanted; ``spk2utt`` always is.

    Returns:
        Content by file name.

    Raises:
        DataDirError: If a line could not be read back.
    """
    files = {name: render_table(name, table).encode()}
    inverse = inverse_of(name)
    if inverse == "spk2utt" or inverse in inverses:
        values = table
        if name == "segments":
            values = {utt: split_line(value)[0] for utt, value in table.items()}
        files[inverse] = render_table(inverse, invert(values)).encode()
    return files


def write_directory(target: Path, files: Mapping[str, bytes]) -> None:
    """Write a whole data directory; all of its files or none.

    Tables in the target that the new directory lacks would be about utterances of an
    earlier one: they go to its ``.backup``.

    Args:
        target: The directory to write.
        files: Content by file name.

    Raises:
        OSError: If the disk is full.
    """
    stale = [name for name in _table_names(target) if name not in files]
    if stale:
        back_up(target, stale)
    write_files({target / name: content for name, content in files.items()})
    for name in stale:
        (target / name).unlink()


def tell_left_out(source: Files, written: Collection[str]) -> None:
    """Say what of a directory was not carried over.

    Args:
        source: The directory.
        written: Names of the files that were.
    """
    names = [*source.tables, *source.inverses, *source.whole, *source.unknown]
    left_out = [name for name in names if name not in (*written, *_OF_STAGES)]
    if left_out:
        logging.info("%s: not taken along: %s", source.path, some(left_out, "file"))


def back_up(directory: Path, names: Iterable[str]) -> None:
    """Copy files to ``<directory>/.backup``, or ``.backup.1`` and so on.

    Args:
        directory: The directory.
        names: Names of the files.
    """
    backup = directory / ".backup"
    for number in count(1):
        if not backup.exists():
            break
        backup = directory / f".backup.{number}"
    backup.mkdir()
    for name in names:
        shutil.copyfile(directory / name, backup / name)
    logging.info("%s: the tables as they were", backup)


def read_loose_table(path: Path) -> Table:
    """Read a table in which a line may be a key alone.

    Args:
        path: The file.

    Returns:
        Value by key.

    Raises:
        DataDirError: If the table is faulty.
    """
    return read_table(path, allow_empty_value=True)


def _find_owners(
    source: Files, parts: Sequence[Collection[str]]
) -> dict[Kind, dict[str, Iterable[int]]]:
    """Tell in which parts an utterance, a speaker and a recording are."""
    utt2spk = read_table(source.path / "utt2spk")
    utts: dict[str, Iterable[int]] = {}
    speakers: dict[str, dict[int, None]] = {}
    for number, part in enumerate(parts):
        for utt in part:
            if utt not in utt2spk:
                raise DataDirError(
                    f"{source.path / 'utt2spk'}: no line for utterance '{utt}', which "
                    "was asked for; add it, or ask for others"
                )
            utts[utt] = (number,)
            speakers.setdefault(utt2spk[utt], {})[number] = None
    recordings: dict[str, dict[int, None]] = {}
    if "segments" in source.tables:
        for utt, value in read_table(source.path / "segments").items():
            for number in utts.get(utt, ()):
                recordings.setdefault(split_line(value)[0], {})[number] = None
    return {
        Kind.UTTERANCE: utts,
        Kind.SPEAKER: speakers,
        Kind.RECORDING: recordings if "segments" in source.tables else utts,
    }


def _whole_files(source: Files) -> dict[str, bytes]:
    return {name: (source.path / name).read_bytes() for name in source.whole}


def _table_names(directory: Path) -> list[str]:
    if not directory.is_dir():
        return []
    names = sorted(path.name for path in directory.iterdir() if path.is_file())
    return [name for name in names if is_inverse(name) or kind_of(name, False)]
