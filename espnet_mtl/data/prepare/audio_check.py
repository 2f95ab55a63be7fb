"""Checks which clips are there and can be opened, and how long they are."""

import os
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
    """What the header of an audio file says.

    Attributes:
        seconds: How long it is.
        rate: Its sampling rate in Hz.
    """

    seconds: float
    rate: int


@dataclass(frozen=True)
class _Look:
    """What was found of a clip.

    Attributes:
        version: Size and time of the file.
        header: Its header; ``None`` where the clip cannot be used.
        fate: The rule that takes the clip out; empty where it can be used.
        why: What is wrong with it.
        is_new: Whether the file was opened, and not known before.
    """

    version: str = ""
    header: Header | None = None
    fate: str = ""
    why: str = ""
    is_new: bool = False


_Known = dict[tuple[str, str], Header]


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
            for clip, look in zip(
                batch, pool.map(_look, batch, repeat(known)), strict=True
            ):
                clip.fate, clip.why = look.fate, look.why
                if look.header is not None:
                    clip.seconds, clip.rate = look.header.seconds, look.header.rate
                    if look.is_new:
                        notes.append(look.version, {clip.path: look.header})
            progress.add(number=len(batch))
        if clips:
            progress.report()


def _look(clip: Clip, known: _Known) -> _Look:
    try:
        state = os.stat(clip.path)
    except OSError:
        return _Look(fate="missing", why="no such file")
    version = f"{state.st_size} {state.st_mtime_ns}"
    if (clip.path, version) in known:
        return _Look(version, known[clip.path, version])
    if state.st_size == 0:
        return _Look(fate="empty", why="0 bytes")
    try:
        info = soundfile.info(clip.path)
    except (RuntimeError, OSError) as error:
        # libsndfile calls any file that it does not know "not a regular file".
        said = str(error).splitlines()[0]
        why = f"no audio, or a broken header ({said})"
        return _Look(fate="undecodable", why=why)
    if info.frames <= 0:
        return _Look(fate="empty", why="no sample in it")
    header = Header(round(info.duration, 3), info.samplerate)
    return _Look(version, header, is_new=True)
