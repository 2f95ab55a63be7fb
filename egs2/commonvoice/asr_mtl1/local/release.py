"""Find and read an unpacked release of Common Voice, of any year and language."""

import functools
import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from espnet_mtl.data.prepare.accents import split_labels
from espnet_mtl.data.prepare.clip import Clip, give_keys, open_clips
from espnet_mtl.data.prepare.delimited import Rows
from espnet_mtl.data.prepare.faults import Faults
from espnet_mtl.data.prepare.options import Options
from espnet_mtl.data.prepare.root import find_root
from espnet_mtl.data.prepare.symbols import Symbols
from espnet_mtl.errors import UserError

URL = "https://commonvoice.mozilla.org/datasets"
NEEDED = ("client_id", "path", "sentence")
# Releases 1 to 7 have codes in `accent`, later ones names and free text in `accents`.
ACCENT_COLUMNS = ("accents", "accent")
LANGUAGE_COLUMN = "locale"
RELEASE_SPLITS = {"train": "train", "dev": "valid", "test": "test"}
DURATIONS = "clip_durations.tsv"
# client_id is 128 hexadecimal digits; this many are enough to be unique.
SPEAKER_DIGITS = 16


def find_release(root: str, lang: str, tsv: str) -> Path:
    """Find a language's folder: the one named, or that of the language in it.

    Raises:
        UserError: If the table is not there; says what is.
    """
    get_it = (
        f"Get a release from {URL}, unpack it, and name its folder by --root, by "
        "COMMONVOICE=/path/to/cv-corpus-... in the environment, or in db.sh"
    )
    folder = find_root("commonvoice", "Common Voice", root, get_it)
    if (folder / lang / tsv).is_file():
        return folder / lang
    if (folder / tsv).is_file():
        return folder
    languages = sorted(path.parent.name for path in folder.glob(f"*/{tsv}"))
    if languages:
        raise UserError(
            f"commonvoice: {folder} has no language '{lang}', but "
            f"{', '.join(languages)}; choose one by --lang."
        )
    raise UserError(
        f"commonvoice: there is neither {folder / lang / tsv} nor {folder / tsv}: no "
        f"unpacked release. {get_it}."
    )


@dataclass(frozen=True)
class ReleaseTable:
    """The table of a language's clips, and how to read it (see the options)."""

    folder: Path
    lang: str
    name: str
    splits: str
    quotes: str

    @property
    def path(self) -> Path:
        """The file."""
        return self.folder / self.name

    @property
    def account(self) -> str:
        """Name of the folder of lists beside the data directories."""
        return f"corpus_{self.lang}"


def read_release(
    table: ReleaseTable, classes: dict[str, str], options: Options
) -> list[Clip]:
    """Read the clips of a language, one a row.

    Those that no data directory could have already have a fate. Labels in the accent
    map are not taken apart.

    Raises:
        UserError: If columns are missing, or a path leaves the release.
    """
    # 1. The rows
    path, folder = table.path, table.folder
    optional = (*ACCENT_COLUMNS, LANGUAGE_COLUMN)
    rows = Rows(path, NEEDED, optional, release=True, quotes=table.quotes)
    faults = Faults(path)
    seconds = {} if options.check_audio else _read_durations(folder / DURATIONS)
    splits = _read_splits(folder, table.splits)
    # There are far fewer different cells than rows.
    take_apart = functools.cache(lambda cell: split_labels(cell, classes))
    clips = []
    symbols = Symbols()
    for line, row in rows:
        if row is None:
            clips.append(Clip(line, "-", "", "", "", fate="malformed"))
            continue
        if (spoken := row.get(LANGUAGE_COLUMN)) and spoken != table.lang:
            raise UserError(
                f"{path}:{line}: {LANGUAGE_COLUMN} is '{spoken}', not '{table.lang}': "
                f"give --lang {spoken}, or the folder of '{table.lang}'"
            )
        symbols.look(row["sentence"], f"line {line}")
        text = options.normalise(row["sentence"])
        clip = _read_row(line, row, text, folder / "clips", faults, take_apart)
        clip.seconds = seconds.get(clip.name)
        clip.split = splits.get(clip.name, "")
        clips.append(clip)
    _report_strangers(folder, clips, splits)
    symbols.report(options)
    rows.faults.warn_any("such rows are not used")
    faults.raise_any(options.output / table.account / "table_errors.txt")
    if not clips:
        raise UserError(f"{path}: no row below the first line")

    # 2. The same clip again
    _settle_doubled(open_clips(clips))
    _check_speakers(path, clips)
    give_keys(open_clips(clips))
    return clips


def _read_row(
    line: int,
    row: dict[str, str],
    text: str,
    clips: Path,
    faults: Faults,
    take_apart: Callable[[str], tuple[str, ...]],
) -> Clip:
    name = row["path"]
    if name != os.path.basename(name) or name in ("", ".", ".."):
        faults.add(
            "not the name of a file in clips/", "correct the path", line, repr(name)
        )
    name = _name_clip(name)
    raw = next((row[c] for c in ACCENT_COLUMNS if row.get(c)), "")
    speaker = row["client_id"]
    fate = "" if text else "no_text"
    return Clip(
        line=line,
        name=name,
        path=f"{clips}/{name}",
        text=text,
        speaker=speaker[:SPEAKER_DIGITS],
        labels=take_apart(raw),
        fate=fate if speaker else "no_speaker",
        raw_speaker=speaker,
    )


def _settle_doubled(clips: list[Clip]) -> None:
    first: dict[str, Clip] = {}
    for clip in clips:
        before = first.setdefault(clip.name, clip)
        if before is clip:
            continue
        if before.text == clip.text and before.raw_speaker == clip.raw_speaker:
            clip.fate = "duplicate"
        else:
            # Either could be right.
            clip.fate = before.fate = "conflict"


def _check_speakers(path: Path, clips: list[Clip]) -> None:
    whole: dict[str, str] = {}
    for clip in clips:
        if whole.setdefault(clip.speaker, clip.raw_speaker) != clip.raw_speaker:
            raise UserError(
                f"{path}:{clip.line}: two values of client_id begin with "
                f"'{clip.speaker}': their speakers' ids would be the same"
            )


def _read_splits(folder: Path, wanted: str) -> dict[str, str]:
    """Read which set the release gives a clip; none where it has no sets."""
    tables = {name: folder / f"{name}.tsv" for name in RELEASE_SPLITS}
    missing = [path for path in tables.values() if not path.is_file()]
    if wanted == "speaker" or (wanted == "auto" and missing):
        return {}
    if missing:
        raise UserError(
            f"--splits release: {missing[0]} does not exist (delta releases have no "
            "sets); use --splits speaker"
        )
    splits: dict[str, str] = {}
    for name, path in tables.items():
        for _, row in Rows(path, ("path",), release=True, quotes="literal"):
            if row is not None:
                splits[_name_clip(row["path"])] = RELEASE_SPLITS[name]
    return splits


def _name_clip(name: str) -> str:
    """Some copies leave the suffix out."""
    return name if "." in name else f"{name}.mp3"


def _report_strangers(folder: Path, clips: list[Clip], splits: dict[str, str]) -> None:
    """Say which clips of the release's sets the table of clips does not have."""
    strangers = splits.keys() - {clip.name for clip in clips}
    if splits and len(strangers) == len(splits):
        raise UserError(
            f"commonvoice: train.tsv, dev.tsv and test.tsv in {folder} name no clip of "
            "the table of clips: they are another release's; use --splits speaker"
        )
    if strangers:
        logging.warning(
            "%d clips of the release's sets are not in the table of clips, such as %s: "
            "they are not used",
            len(strangers),
            min(strangers),
        )


def _read_durations(path: Path) -> dict[str, float]:
    """Read the lengths that are in the release (16.1 and later)."""
    if not path.is_file():
        return {}
    seconds = {}
    for _, row in Rows(path, ("clip", "duration[ms]"), release=True, quotes="literal"):
        if row is not None and row["duration[ms]"].isdecimal():
            seconds[row["clip"]] = int(row["duration[ms]"]) / 1000
    return seconds
