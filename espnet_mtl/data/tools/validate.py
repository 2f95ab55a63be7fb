"""Check a data directory."""

import logging
import math
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

from espnet_mtl.data.checks import some
from espnet_mtl.data.datadir import DataDir, invert
from espnet_mtl.data.errors import DataDirError
from espnet_mtl.data.file_kinds import COMPLETE, Kind, inverse_of
from espnet_mtl.data.tables import Table, find_unprintable, read_table

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
        text: Whether there has to be ``text``; it is not looked at otherwise.
        speaker_order: Whether sorting by speaker first must give the same order, which
            Kaldi's programs for speakers rely on and nothing here does.
        printable: Whether ``text`` must be free of control characters.
        empty_text: Whether ``text`` may have utterances without words.

    Raises:
        DataDirError: If there is a fault; the message names file, line and fix.
    """
    whole = DataDir.read(directory, without=() if text else ("text",))
    asked = {"utt2spk": True, "wav.scp": wav, "text": text, "utt2accent": accent}
    names = [name for name in asked if asked[name] or name in whole.tables]
    if whole.has_segments and "wav.scp" not in names:
        raise DataDirError(
            f"{directory / 'wav.scp'}: no such file, but there is 'segments'; write "
            "'<recording> <audio file>' on each line"
        )
    may_be_empty = ("text",) if empty_text else ()
    loaded = DataDir.load(directory, names, may_be_empty=may_be_empty)
    utt2spk, sentences = loaded.tables["utt2spk"], loaded.tables.get("text", {})
    _check_speakers(directory / "utt2spk", utt2spk)
    disorder = find_disorder(directory / "utt2spk", utt2spk)
    if disorder and speaker_order:
        raise DataDirError(disorder)
    if empty := [utt for utt, words in sentences.items() if not words]:
        logging.info("%s: no words for %s", directory / "text", some(empty))
    if printable:
        _check_printable(directory / "text", sentences)
    subjects = _find_subjects(loaded)
    for name, table in whole.tables.items():
        if name not in loaded.tables:
            kind = whole.kinds[name]
            _check_keys(directory / name, table, kind, subjects[kind])
        _check_values(directory / name, table)
    _check_inverses(whole)
    logging.info(
        "%s: %d utterances of %d speakers; %s agree",
        directory,
        len(utt2spk),
        len(subjects[Kind.SPEAKER]),
        ", ".join(names),
    )


def find_disorder(path: Path, utt2spk: Mapping[str, str]) -> str:
    """Say where sorting by speaker first gives another order; empty if nowhere."""
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


def _check_printable(path: Path, text: Table) -> None:
    for number, (utt, words) in enumerate(text.items(), start=1):
        character = find_unprintable(words)
        if character:
            raise DataDirError(
                f"{path}:{number}: '{utt}' has the character {character!r}, which "
                "cannot be printed; remove it, or give --non-print"
            )


def _find_subjects(directory: DataDir) -> dict[Kind, Collection[str]]:
    """Find the utterances, speakers and recordings that other tables may name."""
    utt2spk = directory.tables["utt2spk"]
    recordings: Collection[str] = utt2spk.keys()
    if directory.has_segments:
        used = {segment.recording for segment in directory.segments.values()}
        recordings = directory.tables["wav.scp"].keys()
        unused = [recording for recording in recordings if recording not in used]
        if unused:
            logging.info(
                "%s: no segment is of %s",
                directory.path / "wav.scp",
                some(unused, "recording"),
            )
    return {
        Kind.UTTERANCE: utt2spk.keys(),
        Kind.SPEAKER: dict.fromkeys(utt2spk.values()).keys(),
        Kind.RECORDING: recordings,
    }


def _check_keys(path: Path, table: Table, kind: Kind, known: Collection[str]) -> None:
    """Compare what a table names with what there is."""
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
        "the whole path; programs do not expand '~'",
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


def _check_inverses(directory: DataDir) -> None:
    for name, table in directory.tables.items():
        inverse = inverse_of(name)
        if inverse not in directory.inverses:
            continue
        if read_table(directory.path / inverse) != invert(name, table):
            raise DataDirError(
                f"{directory.path / inverse}: differs from what {name} says; "
                "utils/fix_data_dir.sh writes it again"
            )
