"""Find and read the Speech Accent Archive, and say what is wrong with it.

People have it in two layouts: a folder of recordings for each first language, or all
recordings in one folder and a table of the speakers beside it.
"""

import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from espnet_mtl.data.prepare.accents import says_nothing
from espnet_mtl.data.prepare.clip import Clip
from espnet_mtl.data.prepare.delimited import Rows
from espnet_mtl.data.prepare.names import fold, make_class, make_id
from espnet_mtl.data.prepare.root import find_root
from espnet_mtl.data.prepare.sentences import normalise_text
from espnet_mtl.errors import UserError

URL = "https://accent.gmu.edu"
PASSAGE, RECORDINGS, TABLE = "reading-passage.txt", "recordings", "speakers_all.csv"
AUDIO = (".flac", ".mp3", ".oga", ".ogg", ".opus", ".wav")
ACCENT, PITCH = "accent", "pitch"  # labels that no column of the table has to give
_FILE, _LANGUAGE, _ID, _ABSENT = (
    "filename native_language speakerid file_missing?".split()
)
_FEWEST_WORDS = 10
_SHOWN = 12


@dataclass(slots=True)
class Reading(Clip):
    """One person's reading of the passage.

    Attributes:
        language: Their first language, as the name of a class.
        person: The table's id of whoever reads; empty where it has none.
    """

    language: str = ""
    person: str = ""


@dataclass(frozen=True)
class Archive:
    """A copy of the archive.

    Attributes:
        text: The words of the passage.
        table: The table of the speakers; ``None`` where there is none.
        files: Its recordings, sorted.
    """

    folder: Path
    recordings: Path
    text: tuple[str, ...]
    table: Path | None
    files: tuple[Path, ...] = field(repr=False)

    def name(self, path: Path) -> str:
        """What the archive calls a recording."""
        return str(path.relative_to(self.recordings))


def find_archive(root: str) -> Archive:
    """Look at a copy of the archive.

    Raises:
        UserError: If it is not there or not whole; says what is missing.
    """
    get_it = (
        f"Get the archive ({URL}), and name its folder, which has {RECORDINGS}/ and "
        f"{PASSAGE}, by --root, by SAA=/path/to/speech-accent-archive in the "
        "environment, or in db.sh"
    )
    folder = find_root("saa", "the Speech Accent Archive", root, get_it)
    recordings = folder / RECORDINGS
    if (recordings / RECORDINGS).is_dir():  # as one of its zips unpacks
        recordings /= RECORDINGS
    missing = [] if recordings.is_dir() else [f"{RECORDINGS}/"]
    missing += [] if (folder / PASSAGE).is_file() else [PASSAGE]
    if missing:
        raise UserError(
            f"saa: {folder} does not look like the archive: {' and '.join(missing)} "
            f"missing. {get_it}."
        )
    files = [
        path
        for path in sorted(_walk(recordings))
        if path.suffix.lower() in AUDIO and not path.name.startswith(".")
    ]
    if not files:
        raise UserError(
            f"saa: no recording in {recordings} ({', '.join(AUDIO)}). {get_it}."
        )
    table = folder / TABLE
    return Archive(
        folder=folder,
        recordings=recordings,
        text=_read_passage(folder / PASSAGE),
        table=table if table.is_file() else None,
        files=tuple(files),
    )


def _walk(folder: Path) -> Iterator[Path]:
    """Yield all files, also those in folders that are links."""
    for here, _, names in os.walk(folder, followlinks=True):
        yield from (Path(here) / name for name in names)


def _read_passage(path: Path) -> tuple[str, ...]:
    try:
        raw = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise UserError(f"{path}: not UTF-8; save it as UTF-8.") from None
    words = normalise_text(raw, "lower", "remove", lang="en", hyphens="split").split()
    if len(words) < _FEWEST_WORDS:
        raise UserError(
            f"{path}: {len(words)} words; it has to be the passage that all read."
        )
    return tuple(words)


def read_archive(archive: Archive, label: str, languages: str) -> list[Reading]:
    """Read the readings; those that cannot be used already have a fate.

    Args:
        label: What becomes the accent label: ``accent`` for the first language, a
            column of the table, or ``pitch``, which gives none yet.
        languages: First languages to use, with commas in between; empty for all.

    Raises:
        UserError: If there is no such column or language, or the table is faulty.
    """
    if archive.table is not None:
        readings = _read_table(archive, archive.table, label)
    elif label in (ACCENT, PITCH):
        readings = _read_folders(archive, label)
    else:
        raise UserError(
            f"--label {label}: a column of {archive.folder / TABLE}, which is not "
            f"there. Without it, labels are {ACCENT} and {PITCH}."
        )
    _choose_languages(readings, languages)
    _number_repeated(readings)
    _join_people(readings)
    return readings


def _number_repeated(readings: Iterable[Reading]) -> None:
    """Give readings whose names become one id, such as "a 1" and "a_1", two ids."""
    seen: set[str] = set()
    for reading in readings:
        if reading.fate:
            continue
        if reading.key in seen:
            if reading.speaker == reading.key:
                reading.speaker += f"_line{reading.line}"
            reading.key += f"_line{reading.line}"
        seen.add(reading.key)


def _join_people(readings: Iterable[Reading]) -> None:
    """Make whoever has one id one speaker, so that nobody is in two sets."""
    people: dict[str, str] = {}  # speaker by id
    for reading in readings:
        if reading.fate or not reading.person:
            continue
        reading.speaker = people.setdefault(reading.person, reading.speaker)
        if reading.speaker != reading.key:
            reading.key = f"{reading.speaker}-{reading.key}"


def _read_folders(archive: Archive, label: str) -> list[Reading]:
    """Take the language from the folder or, where there is none, from the file."""
    readings = []
    first: dict[Path, Reading] = {}  # by name without the ending
    for number, path in enumerate(archive.files, start=1):
        here = path.parent
        named = path.stem if here == archive.recordings else here.name
        language = make_class(re.sub(r"[\W\d_]+$", "", named))
        reading = Reading(number, archive.name(path), str(path), "", make_id(path.stem))
        reading.language = language
        reading.labels = (language,) if label == ACCENT and language else ()
        reading.key = reading.speaker
        readings.append(reading)
        before = first.setdefault(path.with_suffix(""), reading)
        if before is not reading:
            reading.fate, reading.why = "duplicate", f"{before.name} is there, too"
    _tell_apart(readings)
    return readings


def _tell_apart(readings: Iterable[Reading]) -> None:
    """Give files of one name in several folders ids of their own."""
    counts = Counter(reading.speaker for reading in readings if not reading.fate)
    for reading in readings:
        if counts[reading.speaker] > 1:
            reading.speaker = make_id(str(Path(reading.name).with_suffix("")))
            reading.key = reading.speaker


def _read_table(archive: Archive, table: Path, label: str) -> list[Reading]:
    # 1. What there is
    column = label.casefold()
    needed = [_FILE, _LANGUAGE, *({column} - {ACCENT, PITCH, _FILE, _LANGUAGE})]
    rows = Rows(table, needed, (_ID, _ABSENT), release=True)
    exact = {path.stem: path for path in reversed(archive.files)}
    folded = {_fold_name(path.stem): path for path in reversed(archive.files)}

    # 2. Its rows
    readings: list[Reading] = []
    first: dict[str, Reading] = {}  # by file
    for line, row in rows:
        if row is None:
            readings.append(Reading(line, "-", "", "", "", fate="malformed"))
            continue
        name = Path(row[_FILE])
        stem = name.stem if name.suffix.lower() in AUDIO else name.name
        path = exact.get(stem) or folded.get(_fold_name(stem))
        shown = archive.name(path) if path else stem
        reading = Reading(line, shown, str(path or ""), "", make_id(stem))
        readings.append(reading)
        reading.language = make_class(row[_LANGUAGE])
        value = row[_LANGUAGE] if column == ACCENT else row.get(column, "")
        reading.labels = (value,) if value else ()
        if path is None:
            absent = fold(row.get(_ABSENT, "")) in ("true", "1", "yes")
            reading.fate = "not_recorded" if absent or not stem else "missing"
            reading.why = f"no {RECORDINGS}/{stem}.*"
            reading.path = str(archive.recordings / stem)
            continue
        before = first.setdefault(str(path), reading)
        if before is not reading:
            same = before.language == reading.language
            reading.fate = "duplicate" if same else "conflict"
            reading.why = f"{before.name} is in line {before.line}, too"
            if not same:
                before.fate, before.why = "conflict", f"also in line {line}"
            elif before.labels != reading.labels:
                before.labels = ()  # either could be right; the reading is used
            continue
        reading.key = reading.speaker
        if not says_nothing(row.get(_ID, "")):
            reading.person = row[_ID]
    rows.faults.warn_any("such rows are not used")

    # 3. Recordings without a row
    last = max((reading.line for reading in readings), default=1)
    for number, path in enumerate(archive.files, start=last + 1):
        if str(path) in first:
            continue
        reading = Reading(number, archive.name(path), str(path), "", "")
        readings.append(reading)
        other = exact[path.stem]
        if other != path and str(other) in first:
            reading.fate = "duplicate"
            reading.why = f"{archive.name(other)} is there, too"
        else:
            reading.fate = "unlisted"
    return readings


def _fold_name(name: str) -> str:
    """Make names that differ in case, blanks and signs the same."""
    return re.sub(r"[\W_]+", "", name.casefold())


def _choose_languages(readings: Sequence[Reading], languages: str) -> None:
    """Take out what was read by speakers of other languages."""
    wanted = {make_class(name) for name in languages.split(",")} - {""}
    could = [reading for reading in readings if reading.fate in ("", "missing")]
    counts = Counter(reading.language for reading in could)
    unknown = sorted(wanted - counts.keys())
    if unknown:
        raise UserError(
            f"--languages: nobody has the first language {', '.join(unknown)}. There "
            f"are: {_list_languages(counts)}."
        )
    for reading in could:
        if wanted and reading.language not in wanted:
            reading.fate, reading.why = "other_language", ""


def _list_languages(counts: Counter[str]) -> str:
    shown = [f"{name} ({count})" for name, count in counts.most_common(_SHOWN)]
    more = len(counts) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more > 0 else "")
