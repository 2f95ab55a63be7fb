"""Reads your own corpus: a table of its clips."""

import logging
import os
from collections import defaultdict
from pathlib import Path

from espnet_mtl.data.prepare.accents import read_accent_map, says_nothing
from espnet_mtl.data.prepare.characters import drop_invisible
from espnet_mtl.data.prepare.clip import SETS, Clip, give_keys
from espnet_mtl.data.prepare.delimited import Rows
from espnet_mtl.data.prepare.doubts import tell_doubts
from espnet_mtl.data.prepare.faults import Faults
from espnet_mtl.data.prepare.names import fold, make_class, make_id
from espnet_mtl.data.prepare.options import Options
from espnet_mtl.data.prepare.symbols import Symbols
from espnet_mtl.errors import UserError

NEEDED = ("path", "text", "speaker", "accent")
OPTIONAL = ("split",)
# Nobody is called so, and all clips would have one voice.
_NO_SPEAKER = ("<unk>", "unknown", "unspecified", "undefined", "n/a", "nan", "null")
_SPLITS = {**{name: name for name in SETS}, "dev": "valid", "validation": "valid"}


def read_corpus(
    path: Path,
    options: Options,
    audio_root: Path | None = None,
    *,
    quotes: str = "auto",
) -> list[Clip]:
    """Read the table, a clip a row, and find all that is wrong with it.

    Relative paths are below ``audio_root`` or, without it, the table's own folder.
    What ``quotes`` says, :func:`.add_quotes_option` explains.

    Raises:
        DataDirError: With every mistake, by kind.
    """
    rows = Rows(path, NEEDED, OPTIONAL, quotes=quotes)
    root = (audio_root or path.parent).resolve()
    symbols = Symbols()
    clips = []
    for line, row in rows:
        if row is None:
            continue
        symbols.look(row["text"], f"line {line}")
        clip = _read_row(line, row, root, rows.faults, options)
        if clip is not None:
            clips.append(clip)
    _check_together(clips, rows.faults)
    errors = options.output / "corpus" / "table_errors.txt"
    rows.faults.raise_any(errors)
    errors.unlink(missing_ok=True)
    if not clips:
        raise UserError(f"{path}: no row below the first line")
    tell_doubts(clips, root, options)
    symbols.report(options)
    give_keys(clips)
    return clips


def _read_row(
    line: int, row: dict[str, str], root: Path, faults: Faults, options: Options
) -> Clip | None:
    # 1. Where the audio is
    name = row["path"]
    path = os.path.normpath(root / name)
    if not name:
        faults.add("no path", "name the audio file", line, row["text"][:40])
        return None
    if "://" in name or name.startswith("~"):
        fix = "download it, and write where the file is on this machine, in full"
        faults.add("a URL or '~', not a path", fix, line, name)
    if name.endswith("|"):
        fix = "rename the file: in wav.scp this would be a command, which is run"
        faults.add("a path that ends in '|'", fix, line, name)
    if not os.path.isabs(name) and not Path(path).is_relative_to(root):
        faults.add(
            f"a path that leaves {root}",
            "write an absolute path, or give a common --audio_root",
            line,
            name,
        )

    # 2. What is said, and by whom
    text = options.normalise(row["text"])
    if not text:
        faults.add("no text", "write what is said, or remove the row", line, name)
    right = _find_garbled(row["text"])
    if right:
        fix = "export the table again, as UTF-8"
        value = f"'{row['text'][:40]}' for '{right[:40]}'"
        faults.add(
            "a text in UTF-8 that was read as another encoding", fix, line, value
        )
    # Names that look alike are one.
    raw_speaker = " ".join(drop_invisible(row["speaker"]).split())
    speaker = make_id(raw_speaker)
    if not speaker.strip("_.") or fold(raw_speaker) in _NO_SPEAKER:
        fix = "name the speaker: one unknown speaker could be in two sets"
        faults.add("no speaker", fix, line, row["speaker"] or name)
    labels = [label.strip() for label in row["accent"].split("|")]
    for label in labels:
        if not says_nothing(label) and not make_class(label):
            fix = "name it, or leave it empty"
            faults.add("an accent without a letter", fix, line, label)

    # 3. The set
    split = row.get("split", "")
    if "split" in row and split.casefold() not in _SPLITS:
        fix = f"write {', '.join(SETS[:-1])} or {SETS[-1]}, or remove the column"
        faults.add("an unknown split", fix, line, f"'{split}'")
    return Clip(
        line=line,
        name=name,
        path=path,
        text=text,
        speaker=speaker,
        labels=tuple(label for label in labels if label),
        split=_SPLITS.get(split.casefold(), ""),
        raw_speaker=raw_speaker,
    )


def _find_garbled(text: str) -> str:
    """Give the text as it was, if UTF-8 has been read as Windows' encoding."""
    if not any(first in text for first in "ÃÂâÐÑà"):
        return ""
    try:
        return text.encode("cp1252").decode("utf-8")
    except UnicodeError:
        return ""


def _check_together(clips: list[Clip], faults: Faults) -> None:
    """Find rows that contradict each other."""
    # 1. A clip twice
    first: dict[str, Clip] = {}
    for clip in clips:
        before = first.setdefault(clip.path, clip)
        if before is clip:
            continue
        if before.text != clip.text:
            kind = "the same clip with another text"
            value = f"{clip.name}: '{clip.text}', line {before.line}: '{before.text}'"
        else:
            kind, value = (
                "the same clip twice",
                f"{clip.name}, as in line {before.line}",
            )
        faults.add(kind, "keep one of the rows", clip.line, value)

    _warn_of_case(clips)

    # 2. A speaker under two names, or in two sets
    names: dict[str, str] = {}
    sets: dict[str, dict[str, int]] = defaultdict(dict)
    for clip in clips:
        name = names.setdefault(clip.speaker, clip.raw_speaker)
        if name != clip.raw_speaker:
            fix = "write the name in one way, or make the two differ in more than signs"
            value = f"'{clip.raw_speaker}' and '{name}' are both '{clip.speaker}'"
            faults.add("two names for one speaker", fix, clip.line, value)
        if clip.split and clip.split not in sets[clip.speaker]:
            sets[clip.speaker][clip.split] = clip.line
    for speaker, lines in sets.items():
        if len(lines) > 1:
            places = ", ".join(f"{name} (line {n})" for name, n in lines.items())
            faults.add(
                "a speaker in two sets",
                "give each speaker one set, or remove the column 'split'; else the "
                "model is tested on voices it knows",
                min(lines.values()),
                f"{speaker}: {places}",
            )


def _warn_of_case(clips: list[Clip]) -> None:
    """Warn of speakers who may be one: some corpora tell ``a`` from ``A``."""
    alike: dict[str, dict[str, int]] = defaultdict(dict)
    for clip in clips:
        alike[clip.speaker.casefold()].setdefault(clip.speaker, clip.line)
    several = [names for names in alike.values() if len(names) > 1]
    if several:
        shown = ", ".join(f"'{name}' (line {n})" for name, n in several[0].items())
        logging.warning(
            "%d speakers have names that differ in case alone, such as %s, and count "
            "as others. If they are the same, write them alike: else a voice may be in "
            "training and in the test",
            sum(map(len, several)),
            shown,
        )


def classes_of(clips: list[Clip], given: Path | None) -> dict[str, str]:
    """Choose the map of accents: the user's file, or each label as it is.

    Warns of labels that are taken for none, but could be the name of an accent.
    """
    if given is not None:
        classes = read_accent_map(given)
    else:
        labels = {label for clip in clips for label in clip.labels}
        classes = {fold(x): make_class(x) for x in labels if not says_nothing(x)}
    nothing = [
        (clip.line, label)
        for clip in clips
        for label in clip.labels
        if says_nothing(label) and fold(label) not in classes
    ]
    if nothing:
        line, label = nothing[0]
        logging.warning(
            "%d clips have an accent such as '%s' (line %d), which is taken to mean "
            "that it is not known. If it is an accent, write '%s TAB <class>' to a "
            "file for --accent_map (in --local_data_opts)",
            len(nothing),
            label,
            line,
            label,
        )
    return classes
