"""Checks which clips are there and can be opened, and how long they are."""

import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice, repeat
from pathlib import Path

import soundfile

from espnet_mtl.data.prepare.clip import Clip
from espnet_mtl.data.progress import LoopProgress
from espnet_mtl.journal import Journal, read_journals

_BATCH = 2000


@dataclass(frozen=True)
class Header:
    """The length of an audio file in seconds, and its sampling rate in Hz."""

    seconds: float
    rate: int


def check_audio(clips: list[Clip], journal: Path, jobs: int = 1) -> None:
    """Open every clip: its header says whether it is one, and how long.

    ``seconds``, ``rate``, ``fate`` and ``why`` of the clips are set. What has been
    looked at is kept in the journal: a second run, or one after a kill, opens what is
    new or was written since.

    Raises:
        UserError: If another process does the same.
    """
    known = read_journals([journal], Header)
    progress = LoopProgress(len(clips), "headers", unit="clips")
    queue = iter(clips)
    with ThreadPoolExecutor(jobs) as pool, Journal(journal) as notes:
        while batch := list(islice(queue, _BATCH)):
            opened = pool.map(_look, batch, repeat(known))
            for clip, new in zip(batch, opened, strict=True):
                if new is not None:
                    version, header = new
                    notes.append(version, {clip.path: header})
            progress.add(number=len(batch))
        if clips:
            progress.report()


def _look(
    clip: Clip, known: Mapping[tuple[str, str], Header]
) -> tuple[str, Header] | None:
    """Look at a clip; return its file's version and header, if they are news."""
    try:
        state = os.stat(clip.path)
    except OSError:
        clip.fate, clip.why = "missing", "no such file"
        return None
    version = f"{state.st_size} {state.st_mtime_ns}"
    header = known.get((clip.path, version))
    is_new = header is None
    if header is None and state.st_size == 0:
        clip.fate, clip.why = "empty", "0 bytes"
    elif header is None:
        header = _read_header(clip)
    if header is None:
        return None
    clip.seconds, clip.rate = header.seconds, header.rate
    return (version, header) if is_new else None


def _read_header(clip: Clip) -> Header | None:
    try:
        info = soundfile.info(clip.path)
    except (RuntimeError, OSError) as error:
        # libsndfile calls any file that it does not know "not a regular file".
        said = str(error).partition("\n")[0]
        clip.fate = "undecodable"
        clip.why = f"no audio, or a broken header ({said})"
        return None
    if info.frames <= 0:
        clip.fate, clip.why = "empty", "no sample in it"
        return None
    return Header(round(info.duration, 3), info.samplerate)
