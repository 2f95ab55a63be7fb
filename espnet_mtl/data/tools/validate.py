"""Check a data directory."""

import argparse
import logging
import math
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

from espnet_mtl.data.datadir import invert, load_data_dir, some
from espnet_mtl.data.directory import Table, read_loose_table
from espnet_mtl.data.errors import DataDirError
from espnet_mtl.data.file_kinds import COMPLETE, Files, Kind, inverse_of, list_files
from espnet_mtl.data.segments import parse_segments
from espnet_mtl.data.tables import find_unprintable, read_table
from espnet_mtl.errors import run_main, setup_logging

_FIX = "utils/fix_data_dir.sh removes it"


def validate_data_dir(
    directory: Path,
    *,
    text: bool = True,
    wav: bool = True,
    accent: bool = True,
    speaker_order: bool = True,
    printable: bool = True,
    empty_text: bool = False,
) -> None:
    """Check that every table of a data directory is sound and fits the others.

    Args:
        directory: The data directory.
        text: Whether there has to be ``text``; it is not looked at otherwise.
        wav: Whether there has to be ``wav.scp``.
        accent: Whether there has to be ``utt2accent``.
        speaker_order: Whether sorting by speaker first must give the same order, which
            Kaldi's programs for speakers rely on and nothing here does.
        printable: Whether ``text`` must be free of control characters.
        empty_text: Whether ``text`` may have utterances without words.

    Raises:
        DataDirError: If there is a fault; the message names file, line and fix.
    """
    files = list_files(directory)
    asked = {"utt2spk": True, "wav.scp": wav, "text": text, "utt2accent": accent}
    names = [n for n, needed in asked.items() if needed or n in files.tables]
    if not text and "text" in names:
        names.remove("text")
    if "segments" in files.tables and "wav.scp" not in names:
        raise DataDirError(
            f"{directory / 'wav.scp'}: no such file, but there is 'segments'; write "
            "'<recording> <audio file>' on each line"
        )
    may_be_empty = ("text",) if empty_text else ()
    tables = load_data_dir(directory, names, may_be_empty=may_be_empty)
    _check_speakers(directory / "utt2spk", tables["utt2spk"])
    disorder = find_disorder(directory / "utt2spk", tables["utt2spk"])
    if disorder and speaker_order:
        raise DataDirError(disorder)
    _tell_empty(directory / "text", tables.get("text", {}))
    if printable:
        _check_printable(directory / "text", tables.get("text", {}))
    subjects = _find_subjects(directory, tables)
    for name, kind in files.tables.items():
        if name not in tables and (text or name != "text"):
            tables[name] = _read_other(directory / name, kind, subjects[kind])
        _check_values(directory / name, tables.get(name, {}))
    _check_inverses(files, tables)
    logging.info(
        "%s: %d utterances of %d speakers; %s agree",
        directory,
        len(tables["utt2spk"]),
        len(subjects[Kind.SPEAKER]),
        ", ".join(names),
    )


def find_disorder(path: Path, utt2spk: Mapping[str, str]) -> str:
    """Look for a place where sorting by speaker first gives another order.

    Args:
        path: ``utt2spk``, for the message.
        utt2spk: Speaker by utterance, sorted by utterance.

    Returns:
        What is wrong, and where; empty where nothing is.
    """
    last_utt = last_speaker = ""
    for number, (utt, speaker) in enumerate(utt2spk.items(), start=1):
        if speaker != last_speaker and speaker.encode() < last_speaker.encode():
            return (
                f"{path}:{number}: '{utt}' of speaker '{speaker}' comes after "
                f"'{last_utt}' of '{last_speaker}': sorted by speaker first, the "
                "utterances have another order, and Kaldi wants it to be the same; let "
                "ids begin with their speaker (<speaker>-<something>), or give "
                "--no-spk-sort: no stage of asr_mtl.sh needs it"
            )
        last_utt, last_speaker = utt, speaker
    return ""


def _check_speakers(path: Path, utt2spk: Table) -> None:
    for number, (utt, speaker) in enumerate(utt2spk.items(), start=1):
        if len(speaker.split()) != 1:
            raise DataDirError(
                f"{path}:{number}: '{speaker}' after '{utt}' is more than one word; "
                "write one speaker, without blanks"
            )


def _tell_empty(path: Path, text: Table) -> None:
    empty = [utt for utt, words in text.items() if not words]
    if empty:
        logging.info("%s: no words for %s", path, some(empty))


def _check_printable(path: Path, text: Table) -> None:
    for number, (utt, words) in enumerate(text.items(), start=1):
        character = find_unprintable(words)
        if character:
            raise DataDirError(
                f"{path}:{number}: '{utt}' has the character {character!r}, which "
                "cannot be printed; remove it, or give --non-print"
            )


def _find_subjects(
    directory: Path, tables: Mapping[str, Table]
) -> dict[Kind, Collection[str]]:
    """Find the utterances, speakers and recordings that other tables may name."""
    utt2spk = tables["utt2spk"]
    recordings: Collection[str] = utt2spk.keys()
    if "segments" in tables:
        parsed = parse_segments(directory / "segments", tables["segments"])
        used = {segment.recording for segment in parsed.values()}
        recordings = tables["wav.scp"].keys()
        unused = [recording for recording in recordings if recording not in used]
        if unused:
            logging.info(
                "%s: %d recordings that no segment is of, such as '%s'",
                directory / "wav.scp",
                len(unused),
                unused[0],
            )
    return {
        Kind.UTTERANCE: utt2spk.keys(),
        Kind.SPEAKER: dict.fromkeys(utt2spk.values()).keys(),
        Kind.RECORDING: recordings,
    }


def _read_other(path: Path, kind: Kind, known: Collection[str]) -> Table:
    """Read a table that may be there, and compare what it names with what there is."""
    table = read_loose_table(path)
    for number, key in enumerate(table, start=1):
        if key not in known:
            raise DataDirError(
                f"{path}:{number}: there is no {kind.value} '{key}' in the directory; "
                f"{_FIX}"
            )
    missing = [key for key in known if key not in table]
    if missing and path.name in COMPLETE:
        raise DataDirError(
            f"{path}: no line for {some(missing, kind.value)}; add it, or remove the "
            "file"
        )
    if missing:
        logging.warning("%s: no line for %s", path, some(missing, kind.value))
    return table


def _is_positive(value: str) -> bool:
    try:
        return 0 < float(value) < math.inf
    except ValueError:
        return False


def _is_count(value: str) -> bool:
    return value.isdecimal() and int(value) > 0


# What the values of Kaldi's tables have to be, and how to say so.
_VALUES: dict[str, tuple[Callable[[str], bool], str]] = {
    "utt2dur": (_is_positive, "seconds above 0"),
    "reco2dur": (_is_positive, "seconds above 0"),
    "utt2num_frames": (_is_count, "a number of frames"),
    "utt2num_samples": (_is_count, "a number of samples"),
    "spk2gender": (lambda value: value in ("f", "m"), "'f' or 'm'"),
    "wav.scp": (
        lambda value: not value.startswith("~"),
        "the whole path, for programs do not know what '~' is",
    ),
}


def _check_values(path: Path, table: Table) -> None:
    is_right, words = _VALUES.get(path.name, (None, ""))
    if is_right is None:
        return
    for number, (key, value) in enumerate(table.items(), start=1):
        if not is_right(value):
            raise DataDirError(
                f"{path}:{number}: '{value}' after '{key}'; write {words}"
            )


def _check_inverses(files: Files, tables: Mapping[str, Table]) -> None:
    for name, table in tables.items():
        inverse = inverse_of(name)
        if inverse not in files.inverses:
            continue
        if name == "segments":
            table = {utt: value.split()[0] for utt, value in table.items()}
        if read_table(files.path / inverse) != invert(table):
            raise DataDirError(
                f"{files.path / inverse}: differs from what {name} says; "
                "utils/fix_data_dir.sh writes it anew"
            )


def main(cmd: list[str] | None = None) -> None:
    """Run the command.

    Args:
        cmd: Command-line arguments; ``sys.argv`` when not given.
    """
    parser = argparse.ArgumentParser(prog="validate_data_dir.sh", description=__doc__)
    for name, what in _OPTIONS.items():
        flags = dict.fromkeys([f"--{name}", f"--{name.replace('-', '_')}"])
        parser.add_argument(*flags, action="store_true", help=what)
    parser.add_argument("directory", type=Path)
    args = parser.parse_args(cmd)
    setup_logging()
    validate_data_dir(
        args.directory,
        text=not args.no_text,
        wav=not args.no_wav,
        accent=not args.no_accent,
        speaker_order=not args.no_spk_sort,
        printable=not args.non_print,
        empty_text=args.empty_text,
    )


_OPTIONS = {
    "no-text": "text is not needed",
    "no-wav": "wav.scp is not needed",
    "no-accent": "utt2accent is not needed",
    "no-spk-sort": "sorting by speaker may give another order than by utterance",
    "non-print": "text may have control characters",
    "empty-text": "text may have utterances without words: stage 4 leaves them out",
    "no-feats": "taken for Kaldi's sake: feats.scp is never needed here",
}


if __name__ == "__main__":
    run_main(main)
