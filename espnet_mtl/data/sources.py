"""What ``wav.scp`` may name: a file, a command, or a place in an archive.

That is ``<file>`` for anything that libsndfile reads, ``<command> |`` for what prints
such a file, ``<archive>:<offset>`` for where one begins in an ``ark``. All of them are
read when data are prepared; the command that changes the speed (:mod:`.speed`) is not
run, but done here. Formatted directories have no commands and no plain archives
(:mod:`espnet_mtl.data.ark`), so that all that reads them hears the same.
"""

import io
import os
import re
import shlex
import stat
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np

from espnet_mtl.data.ark import FLAC, PLAIN, open_entry, read_mark
from espnet_mtl.data.audio_file import Header, read_header, read_samples
from espnet_mtl.data.errors import DataDirError
from espnet_mtl.data.speed import ChangedSpeed

_STDERR_LINES = 3


def read_source(value: str, place: str) -> tuple[np.ndarray, int]:
    """Read whatever ``wav.scp`` names; runs commands, so for data preparation only.

    Returns:
        Samples, full scale is 1, float32, (Samples, Channels); sampling rate in Hz.

    Raises:
        DataDirError: If the audio cannot be read or was cut short. The message begins
            with the place and, for a command, ends with what it wrote to stderr.
    """
    if changed := ChangedSpeed.from_value(value):
        samples, rate = read_source(changed.source, place)
        return changed.apply(samples, rate, place), rate
    with _open(value, place) as (file, has_end):
        return read_samples(file, place, has_end=has_end)


def read_source_header(value: str, place: str) -> Header:
    """Read the header of what ``wav.scp`` names; of a command, nothing is known.

    Raises:
        DataDirError: If it is a command, no audio, or was cut short.
    """
    if is_command(value):
        raise DataDirError(f"{place}: a command, which only stage 3 runs")
    with _open(value, place) as (file, has_end):
        return read_header(file, place, has_end=has_end)


@contextmanager
def _open(value: str, place: str) -> Iterator[tuple[Path | BinaryIO, bool]]:
    """Open a source; tell whether its file ends where its audio does."""
    if is_command(value):
        yield io.BytesIO(_run(value.rstrip()[:-1], place)), True
    elif ark := split_ark(value):
        with open_entry(*ark, place) as file:
            yield file, read_mark(*ark, place) != FLAC
    else:
        _check_file(value, place)
        yield Path(value), True


def check_formatted_value(value: str, place: str) -> None:
    """Refuse a value of ``wav.scp`` that a formatted directory cannot have.

    Raises:
        DataDirError: For a command, or a place in an archive without audio that ESPnet
            gives the model in [-1, 1].
    """
    if is_command(value):
        raise DataDirError(
            f"{place}: a command, and commands are run by stage 3 only; format "
            "the directory (--stage 3), and give the formatted one"
        )
    ark = split_ark(value)
    if ark and read_mark(*ark, place) == PLAIN:
        raise DataDirError(
            f"{place}: a plain WAV archive, whose samples ESPnet gives the model as "
            "integers up to 32768; format the directory (--stage 3), and give the "
            "formatted one"
        )


def is_command(value: str) -> bool:
    """Tell whether a value of ``wav.scp`` ends in ``|``."""
    return value.rstrip().endswith("|")


def split_ark(value: str) -> tuple[str, int] | None:
    """Take a place in an archive apart, into the archive and the offset in bytes.

    Anything else gives ``None``, also a file of such a name.
    """
    match = re.fullmatch(r"(.+):(\d+)", value)
    if match is None or Path(value).is_file():
        return None
    return match[1], int(match[2])


def source_version(value: str) -> list[str | float]:
    """Tell one state of a source from another without reading it.

    Returns:
        Something that JSON can hold; it changes when the value does, or a file that it
        names, be it in a command. Files that a command writes do not count.
    """
    states = (_file_state(name) for name in source_files(value))
    return [value, *(number for state in states for number in state)]


def source_files(value: str) -> list[str]:
    """Name the files that a source may read.

    Of a command, these are all words that are not where output goes.
    """
    if changed := ChangedSpeed.from_value(value):
        return source_files(changed.source)
    if is_command(value):
        return _inputs(value)
    ark = split_ark(value)
    return [ark[0] if ark else value]


def _inputs(command: str) -> list[str]:
    lexer = shlex.shlex(command, posix=True, punctuation_chars=True)
    lexer.commenters = ""
    lexer.whitespace_split = True
    try:
        words = list(lexer)
    except ValueError:  # quotes that do not match
        words = command.split()
    # What is written first and read then, as in 'sox a.mp3 > b.wav; cat b.wav'.
    before = zip(["", *words], words, strict=False)
    outputs = {word for operator, word in before if _writes(operator)}
    return [word for word in words if word not in outputs]


def _writes(operator: str) -> bool:
    return ">" in operator and set(operator) <= set("<>&|")


def _file_state(path: str) -> list[int]:
    try:
        state = os.stat(path)
    except (OSError, ValueError):
        return []
    # Devices such as /dev/null have other times on every node.
    if not stat.S_ISREG(state.st_mode):
        return []
    return [state.st_size, state.st_mtime_ns]


def _run(command: str, place: str) -> bytes:
    # By the shell, as Kaldi does. Standard input is closed: jobs share it.
    done = subprocess.run(
        command, shell=True, stdin=subprocess.DEVNULL, capture_output=True, check=False
    )
    lines = done.stderr.decode(errors="replace").split("\n")
    said = " / ".join([line.strip() for line in lines if line.strip()][-_STDERR_LINES:])
    said = f" ({said})" if said else ""
    if done.returncode != 0:
        raise DataDirError(
            f"{place}: the command failed with exit status {done.returncode}{said}; "
            "try it in a shell and correct it, or remove the utterance"
        )
    if not done.stdout:
        raise DataDirError(
            f"{place}: the command printed nothing{said}; it has to write audio to "
            "standard output"
        )
    return done.stdout


def _check_file(value: str, place: str) -> None:
    if Path(value).is_file():
        return
    if value == "-":
        fault = "standard input is not read; name a file"
    elif value.startswith("|"):
        fault = "a command to read from has the '|' at its end"
    elif re.search(r"\[[\d:,\s]*\]$", value):
        fault = "ranges are not read; write the part to 'segments', in seconds"
    elif value.endswith(".ark"):
        fault = "an archive; write '<archive>:<offset>'"
    else:
        fault = "no such audio file; correct wav.scp"
    raise DataDirError(f"{place}: {fault}")
