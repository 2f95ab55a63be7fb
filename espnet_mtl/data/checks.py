"""Checks of data directories that several commands make."""

from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from espnet_mtl.data.errors import DataDirError
from espnet_mtl.data.file_kinds import UNKNOWN_ACCENT
from espnet_mtl.data.segments import Segment

# Of the 255 bytes that a file name may have, some are for its end and, while it is
# being written, for the process that writes it.
_LONGEST_ID = 240


def check_agreement(
    path: Path, tables: Mapping[str, Mapping[str, str]], segments: Mapping[str, Segment]
) -> None:
    """Refuse tables that do not name the same utterances.

    All are compared with ``segments``, ``wav.scp`` or the first one.

    Raises:
        DataDirError: If one lacks an utterance or has one too many, a segment is of a
            recording that ``wav.scp`` lacks, or there is no utterance.
    """
    leaders = [name for name in ("segments", "wav.scp") if name in tables]
    leader = [*leaders, *tables][0]
    for name, table in tables.items():
        if name == "wav.scp" and leader == "segments":
            _check_recordings(path, segments, table)
        else:
            _check_same_keys(path, leader, tables[leader], name, table)
    if not tables[leader]:
        raise DataDirError(f"{path / leader}: no utterance in it")


def check_apart(source: Path, target: Path) -> None:
    """Refuse to write a data directory over the one that is read.

    Raises:
        DataDirError: If they are the same.
    """
    if source.resolve() == target.resolve():
        raise DataDirError(
            f"{target}: source and target are the same; name another target"
        )


def check_file_names(
    path: Path | str, utts: Iterable[str], *, prefix: str = ""
) -> None:
    """Refuse utterances that cannot name a file, where files are named after them.

    Args:
        path: The table that they are from, for the message.
        utts: In the order of the table.
        prefix: What the files' names begin with.

    Raises:
        DataDirError: If one has a '/' in it, or is too long.
    """
    longest = _LONGEST_ID - len(prefix.encode())
    for number, utt in enumerate(utts, start=1):
        if "/" in utt:
            raise DataDirError(
                f"{path}:{number}: there is a '/' in '{utt}', which cannot name an "
                "audio file; write another character, in every file"
            )
        size = len(utt.encode())
        if size > longest:
            raise DataDirError(
                f"{path}:{number}: '{utt}' has {size} bytes, and an audio file can be "
                f"named after {longest} at most; shorten it, in every file"
            )


def check_formatted(path: Path, tables: Mapping[str, Mapping[str, str]]) -> None:
    """Refuse a directory that does not have one audio file for each utterance.

    Raises:
        DataDirError: If its utterances are parts of recordings, or cannot name files.
    """
    if "segments" in tables:
        raise DataDirError(
            f"{path / 'segments'}: one audio file for each utterance is needed here; "
            "give a directory that stage 3 has formatted, such as dump/raw/<set>"
        )
    check_file_names(path / "wav.scp", tables["wav.scp"])


def some(keys: Collection[str], noun: str = "utterance") -> str:
    """Count keys and name the first few, such as ``2 utterances (ann-1, ann-2)``."""
    shown = ", ".join(list(keys)[:5]) + (", ..." if len(keys) > 5 else "")
    return f"{len(keys)} {noun}{'' if len(keys) == 1 else 's'} ({shown})"


def _check_same_keys(
    path: Path,
    leader: str,
    wanted: Mapping[str, str],
    name: str,
    table: Mapping[str, str],
) -> None:
    missing = [key for key in wanted if key not in table]
    extra = [key for key in table if key not in wanted]
    fix = "utils/fix_data_dir.sh keeps the utterances that every file has"
    if name == "utt2accent" and missing:
        fix = f"write '{UNKNOWN_ACCENT}' where an accent is not known; or {fix}"
    if missing:
        raise DataDirError(
            f"{path / name}: no line for {some(missing)} of {path / leader}; {fix}"
        )
    if extra:
        line = next(n for n, key in enumerate(table, start=1) if key == extra[0])
        raise DataDirError(
            f"{path / name}:{line}: {path / leader} has no line for {some(extra)}; "
            f"{fix}"
        )


def _check_recordings(
    path: Path, segments: Mapping[str, Segment], recordings: Mapping[str, str]
) -> None:
    for number, (utt, segment) in enumerate(segments.items(), start=1):
        if segment.recording not in recordings:
            raise DataDirError(
                f"{path / 'segments'}:{number}: '{utt}' is a part of "
                f"'{segment.recording}', which is not in {path / 'wav.scp'}; add the "
                "recording there, or let utils/fix_data_dir.sh remove the utterance"
            )
