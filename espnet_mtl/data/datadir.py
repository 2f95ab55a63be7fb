"""Data directories: several tables over the same utterances."""

from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from espnet_mtl.atomic import write_files, write_text
from espnet_mtl.data.errors import DataDirError
from espnet_mtl.data.segments import parse_segments
from espnet_mtl.data.tables import read_table, render_table, sort_keys

REQUIRED_FILES = ("wav.scp", "text", "utt2spk", "utt2accent")
UNKNOWN_ACCENT = "<unk>"
# Of the 255 bytes that a file name may have, some are for its end and, while it is
# being written, for the process that writes it.
_LONGEST_ID = 240


def load_data_dir(
    path: Path | str,
    files: Collection[str] = REQUIRED_FILES,
    *,
    may_be_empty: Collection[str] = (),
) -> dict[str, dict[str, str]]:
    """Read tables of a data directory and check that they name the same utterances.

    Where ``wav.scp`` is asked for and there is a file ``segments``, the table
    ``segments`` comes too, and ``wav.scp`` has recordings instead of utterances.
    Formatted directories (``dump``, an attack's output) have no ``segments``: there,
    every table is by utterance.

    Args:
        path: The directory.
        files: Names of the tables; ``segments``, ``wav.scp`` or the first one leads.
        may_be_empty: Those of them in which a line may be a key alone.

    Returns:
        Tables by name: values by utterance, but ``wav.scp`` by recording where there
        is ``segments``. Values are as written; :func:`segments.parse_segments`
        understands those of ``segments``.

    Raises:
        DataDirError: If a table is faulty, lacks an utterance or has one too many, or
            a segment is of a recording that ``wav.scp`` lacks.
    """
    path = Path(path)
    if not path.is_dir():
        raise DataDirError(f"{path}: no such data directory")
    names = dict.fromkeys(files)
    if "utt2accent" in names:
        _check_has_accents(path)
    if "wav.scp" in names and (path / "segments").exists():
        names["segments"] = None
    tables = {
        name: read_table(path / name, allow_empty_value=name in may_be_empty)
        for name in names
    }
    leader = next(
        (n for n in ("segments", "wav.scp") if n in tables), next(iter(names))
    )
    for name, table in tables.items():
        if name == "wav.scp" and leader == "segments":
            _check_recordings(path, tables["segments"], table)
        else:
            _check_same_keys(path, leader, tables[leader], name, table)
    if not tables[leader]:
        raise DataDirError(f"{path / leader}: no utterance in it")
    return tables


def write_data_dir(path: Path | str, tables: Mapping[str, Mapping[str, str]]) -> None:
    """Write tables, and ``spk2utt`` beside ``utt2spk``; all of them or none.

    Args:
        path: The directory; made when absent.
        tables: Tables by name.

    Raises:
        DataDirError: If a line could not be read back.
    """
    write_files(render_data_dir(path, tables))


def render_data_dir(
    path: Path | str, tables: Mapping[str, Mapping[str, str]]
) -> dict[Path, bytes]:
    """Give the files of a data directory, ``spk2utt`` beside ``utt2spk``.

    Args:
        path: The directory.
        tables: Tables by name.

    Returns:
        Content by file.

    Raises:
        DataDirError: If a line could not be read back.
    """
    path = Path(path)
    tables = dict(tables)
    if "utt2spk" in tables:
        tables["spk2utt"] = invert(tables["utt2spk"])
    return {path / n: render_table(path / n, t).encode() for n, t in tables.items()}


def check_apart(source: Path, target: Path) -> None:
    """Refuse to write a data directory over the one that is read.

    Args:
        source: The directory to read.
        target: The directory to write.

    Raises:
        DataDirError: If they are the same.
    """
    if source.resolve() == target.resolve():
        raise DataDirError(f"{target}: read and written at once; name another target")


def check_file_names(
    path: Path | str, utts: Iterable[str], *, prefix: str = ""
) -> None:
    """Refuse utterances that cannot name a file, where files are named after them.

    Args:
        path: The table that they are from, for the message.
        utts: The utterances, in the table's order.
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
    """Refuse a directory that has not one audio file for each utterance.

    Args:
        path: The directory.
        tables: What :func:`load_data_dir` read of it.

    Raises:
        DataDirError: If its utterances are parts of recordings, or cannot name files.
    """
    if "segments" in tables:
        raise DataDirError(
            f"{path / 'segments'}: one audio file for each utterance is needed here; "
            "give a directory that stage 3 has formatted, such as dump/raw/<set>"
        )
    check_file_names(path / "wav.scp", tables["wav.scp"])


def invert(utt2spk: Mapping[str, str]) -> dict[str, str]:
    """Turn ``utt2spk`` into ``spk2utt``.

    Args:
        utt2spk: Speaker by utterance.

    Returns:
        Utterances by speaker, joined by blanks.
    """
    utterances: dict[str, list[str]] = {}
    for utt in sort_keys(utt2spk):
        utterances.setdefault(utt2spk[utt], []).append(utt)
    return {speaker: " ".join(utts) for speaker, utts in utterances.items()}


def some(keys: Collection[str], noun: str = "utterance") -> str:
    """Count keys and name the first few.

    Args:
        keys: The keys.
        noun: What each of them is.

    Returns:
        Such as ``2 utterances (ann-1, ann-2)``.
    """
    shown = ", ".join(list(keys)[:5]) + (", ..." if len(keys) > 5 else "")
    return f"{len(keys)} {noun}{'' if len(keys) == 1 else 's'} ({shown})"


def write_line(path: Path | str, line: str) -> None:
    """Write a file of one line.

    Args:
        path: The file.
        line: The line, without its end.
    """
    write_text(path, line + "\n")


def _check_has_accents(path: Path) -> None:
    # The one table that Kaldi and ESPnet do not make.
    table = path / "utt2accent"
    if not table.exists():
        raise DataDirError(
            f"{table}: no such file; write '<utterance> <accent>' on each line, "
            f"'{UNKNOWN_ACCENT}' where an accent is not known (training without "
            'any needs --asr_args "--accent_weight 0"). For all of them: '
            f"awk '{{print $1, \"{UNKNOWN_ACCENT}\"}}' {path / 'utt2spk'} > {table}"
        )


def _check_same_keys(
    path: Path, leader: str, wanted: dict[str, str], name: str, table: dict[str, str]
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
    path: Path, segments: dict[str, str], recordings: dict[str, str]
) -> None:
    parsed = parse_segments(path / "segments", segments)
    for number, (utt, segment) in enumerate(parsed.items(), start=1):
        if segment.recording not in recordings:
            raise DataDirError(
                f"{path / 'segments'}:{number}: '{utt}' is a part of "
                f"'{segment.recording}', which {path / 'wav.scp'} has not; add the "
                "recording there, or let utils/fix_data_dir.sh remove the utterance"
            )
