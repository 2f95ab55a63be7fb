"""Find and read CSTR VCTK, versions 0.92 and 0.80, and say what is wrong with it."""

import logging
import os
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from espnet_mtl.data.prepare.clip import Clip, give_keys, open_clips
from espnet_mtl.data.prepare.faults import Faults
from espnet_mtl.data.prepare.options import Options
from espnet_mtl.data.prepare.root import find_root
from espnet_mtl.data.prepare.transcripts import read_transcripts
from espnet_mtl.data.tables import read_lines
from espnet_mtl.errors import UserError

URL = "https://datashare.ed.ac.uk/handle/10283/3443"
COLUMNS = ("ID", "AGE", "GENDER", "ACCENTS")
MICS = ("mic1", "mic2")
# Where the audio of a version is, and how its files end.
NEW, OLD = "wav48_silence_trimmed", "wav48"
SUFFIXES = {NEW: "_{mic}.flac", OLD: ".wav"}
# Its archives make folders of these names, or none.
UNPACKED = ("", "VCTK-Corpus-0.92", "VCTK-Corpus")
NO_ACCENT = "Unknown"


@dataclass(frozen=True)
class Corpus:
    """A copy of the corpus; audio files of the wanted microphone end in the suffix."""

    folder: Path
    audio: Path
    suffix: str


def find_corpus(root: str, mic: str) -> Corpus:
    """Look for a copy of the corpus, in the folder named or where its archives put it.

    Raises:
        UserError: If it is not there, not whole, or has no such microphone.
    """
    get_it = (
        f"Get it from {URL}, unpack it, and name its folder by --root, by "
        "VCTK=/path/to/VCTK-Corpus-0.92 in the environment, or in db.sh"
    )
    given = find_root("vctk", "CSTR VCTK", root, get_it)
    found = [
        given / n / a for n in UNPACKED for a in SUFFIXES if (given / n / a).is_dir()
    ]
    if not found:
        raise UserError(
            f"vctk: {given} has neither {NEW}/ (version 0.92) nor {OLD}/ (0.80). "
            f"{get_it}."
        )
    if len(found) > 1:
        raise UserError(
            f"vctk: two versions: {found[0]} and {found[1]}. Each speaker is in both: "
            "give each version a folder of its own, and name one."
        )
    audio = found[0]
    parts = ("txt/", "speaker-info.txt")
    missing = [part for part in parts if not os.path.exists(f"{audio.parent}/{part}")]
    if missing:
        raise UserError(
            f"vctk: {audio.parent} is not whole: {' and '.join(missing)} missing. "
            f"{get_it}."
        )
    if audio.name == OLD and mic != MICS[0]:
        raise UserError(
            f"vctk: --mic {mic}: version 0.80 ({audio}) has one microphone, {MICS[0]}."
        )
    return Corpus(audio.parent, audio, SUFFIXES[audio.name].format(mic=mic))


def read_accents(path: Path) -> dict[str, str]:
    """Read the accent of each speaker, such as ``p225``; empty where it is unknown.

    Rows are words with blanks between: ID, AGE, GENDER, ACCENTS (one word), and a
    region of none to several words, perhaps with a comment in parentheses.

    Raises:
        DataDirError: If the first line does not name the columns, or rows are faulty.
    """
    accents: dict[str, str] = {}
    faults = Faults(path)
    fix = f"copy the file again from {URL}"
    for number, line in enumerate(read_lines(path), start=1):
        words = line.split()
        if number == 1:
            if tuple(words[: len(COLUMNS)]) != COLUMNS:
                faults.add(
                    f"does not begin with {' '.join(COLUMNS)}", fix, number, line
                )
        elif words and (len(words) < len(COLUMNS) or not words[1].isdecimal()):
            faults.add(f"no row of {' '.join(COLUMNS)}", fix, number, line)
        elif words:
            # Version 0.80 leaves the p of p225 out.
            speaker = f"p{words[0]}" if words[0].isdecimal() else words[0]
            accent = "" if words[3] == NO_ACCENT else words[3]
            if accents.setdefault(speaker, accent) != accent:
                faults.add("a speaker with two accents", fix, number, line)
    faults.raise_any()
    if not accents:
        raise UserError(f"{path}: no speaker in it; {fix}")
    return accents


def read_corpus(corpus: Corpus, options: Options) -> list[Clip]:
    """Read the clips: whatever has audio, a text, or both.

    Those that lack one of both have a fate already.

    Raises:
        UserError: If there is none, or speaker-info.txt is faulty.
    """
    accents = read_accents(corpus.folder / "speaker-info.txt")
    texts = _list_files(corpus.folder / "txt", ".txt")
    audio = _list_files(corpus.audio, corpus.suffix)
    clips, files = [], []
    for number, (speaker, stem) in enumerate(sorted(texts | audio), start=1):
        name = f"{speaker}/{stem}{corpus.suffix}"
        label = accents.get(speaker)
        clip = Clip(number, name, f"{corpus.audio}/{name}", "", speaker)
        clip.labels = (label,) if label else ()
        if (speaker, stem) not in audio:
            clip.fate, clip.why = "missing", "no such file"
        clips.append(clip)
        files.append(corpus.folder / "txt" / speaker / f"{stem}.txt")
    if not clips:
        raise UserError(
            f"vctk: {corpus.audio} has no <speaker>/<speaker>_<number>{corpus.suffix}, "
            f"and {corpus.folder / 'txt'} no <speaker>/<speaker>_<number>.txt. Unpack "
            "the corpus again."
        )
    _report_speakers(clips, accents, corpus.suffix)
    read_transcripts(clips, files, options)
    give_keys(open_clips(clips))
    return clips


def _list_files(folder: Path, suffix: str) -> set[tuple[str, str]]:
    """List speakers' files, as speaker and name without the suffix."""
    return {
        (speaker.name, path.name.removesuffix(suffix))
        for speaker in folder.iterdir()
        if speaker.is_dir()
        for path in speaker.iterdir()
        if path.name.endswith(suffix) and not path.name.startswith(".")
    }


def _report_speakers(
    clips: Iterable[Clip], accents: dict[str, str], suffix: str
) -> None:
    counts = Counter(clip.speaker for clip in clips)
    strangers = [f"{s} ({n} clips)" for s, n in counts.items() if s not in accents]
    if strangers:
        logging.warning(
            "speaker-info.txt has no row of %s: their accent is not known",
            ", ".join(strangers),
        )
    absent = sorted(accents.keys() - counts.keys())
    if absent:
        logging.warning(
            "speaker-info.txt has speakers of whom there is neither a text nor audio "
            "(%s): %s",
            suffix,
            ", ".join(absent),
        )
