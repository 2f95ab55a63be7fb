"""Which clips are there and can be opened, and how long they are."""

import logging
import os
import re
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path

import soundfile

from espnet_mtl.data.prepare.clip import Clip

_PROGRESS_SECONDS = 5.0
_BATCH = 2000
_LINE = re.compile(r"(\d+ \d+)\t(\d+\.\d+)\t(\d+)\t(.+)")


def check_audio(clips: list[Clip], cache: Path, jobs: int = 1) -> None:
    """Open every clip: its header says whether it is one, and how long.

    What has been looked at is kept: a second run, or one after a kill, looks at what is
    new or was written since.

    Args:
        clips: ``seconds``, ``rate``, ``fate`` and ``why`` are set.
        cache: File of what is known.
        jobs: Threads.
    """
    cache.parent.mkdir(parents=True, exist_ok=True)
    known = _read_cache(cache)
    reported = time.monotonic()
    done = 0
    queue = iter(clips)
    with ThreadPoolExecutor(jobs) as pool, cache.open("a", encoding="utf-8") as file:
        while batch := list(islice(queue, _BATCH)):
            look = [known.get(clip.path) for clip in batch]
            for clip, (found, line) in zip(
                batch, pool.map(_look, batch, look), strict=True
            ):
                clip.seconds, clip.rate, clip.fate, clip.why = found
                if line:
                    file.write(line)
            file.flush()
            done += len(batch)
            if time.monotonic() - reported > _PROGRESS_SECONDS or done == len(clips):
                reported = time.monotonic()
                logging.info("progress: %d/%d clips (headers)", done, len(clips))


# Seconds, sampling rate, fate and why.
_Found = tuple[float | None, int, str, str]


def _look(clip: Clip, known: tuple[str, float, int] | None) -> tuple[_Found, str]:
    """Return what is found, and a line for the cache where it is new."""
    try:
        state = os.stat(clip.path)
    except OSError:
        return (None, 0, "missing", "no such file"), ""
    version = f"{state.st_size} {state.st_mtime_ns}"
    if known and known[0] == version:
        return (known[1], known[2], "", ""), ""
    if state.st_size == 0:
        return (None, 0, "empty", "0 bytes"), ""
    try:
        info = soundfile.info(clip.path)
    except (RuntimeError, OSError) as error:
        # libsndfile calls any file that it does not know "not a regular file".
        said = str(error).splitlines()[0]
        return (None, 0, "undecodable", f"no audio, or a broken header ({said})"), ""
    if info.frames <= 0:
        return (None, 0, "empty", "no sample in it"), ""
    seconds = round(info.duration, 3)
    line = f"{version}\t{seconds}\t{info.samplerate}\t{clip.path}\n"
    return (seconds, info.samplerate, "", ""), line


def _read_cache(path: Path) -> dict[str, tuple[str, float, int]]:
    """Read version, seconds and rate by path; what a kill tore off is dropped."""
    if not path.is_file():
        return {}
    known = {}
    content = path.read_text(encoding="utf-8", errors="replace")
    whole = content[: content.rfind("\n") + 1]
    if whole != content:
        os.truncate(path, len(whole.encode()))
    for line in whole.split("\n"):
        # A damaged line is looked at again.
        if match := _LINE.fullmatch(line):
            version, seconds, rate, name = match.groups()
            known[name] = (version, float(seconds), int(rate))
    return known
