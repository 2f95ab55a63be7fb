"""Says how far jobs are, as their logs tell.

ESPnet's training log names each epoch and its batches; our commands log
``progress: DONE/TOTAL unit``. Job runners import this: only the standard library.
"""

import re
import shutil
import sys
import time
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import NamedTuple, TextIO

_PROGRESS = re.compile(
    rb"progress: (?P<done>\d+)/(?P<total>\d+)(?: (?P<unit>\w+))?"
    rb"|(?P<epoch>\d+)/(?P<epochs>\d+)epoch started"
    rb"|epoch:train:\d+-(?P<batch>\d+)batch: "
    rb"|(?P<ended>\d+)epoch results: "
)
_BATCHES = re.compile(rb"\[train\] mini-batch sizes summary: N-batch=(\d+)")
_RESULTS = re.compile(r"\b(\d+)epoch results: \[train\] (.*?), \[valid\] (.*)")
_VALUE = re.compile(r"(\w+)=([-+.\deE]+)(?=,|$)")  # not nan: "acc" of a CTC model
# What tells whether a training learns, in ESPnet's names.
_TELLING = ("loss", "acc", "cer_ctc", "cer", "acc_accent")
_TAIL_BYTES = 2**18
_HEAD_BYTES = 2**20


def duration(seconds: float) -> str:
    """Format seconds: ``45 s``, ``12 min``, ``1 h 05 min``."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60:02d} min"


class Progress(NamedTuple):
    """How far one job is.

    Attributes:
        done: Units done; in a training, a part of an epoch counts as such.
        unit: ``epoch``, or what the job says that it counts.
    """

    done: float
    total: int
    unit: str


def read_progress(log: Path, since: float = 0.0) -> Progress | None:
    """Find the last progress in a log.

    ``None`` where there is none, or where nothing was written since then (in seconds
    since the epoch): such a log is of an earlier run.
    """
    try:
        status = log.stat()
        if status.st_mtime < since:
            return None
        with log.open("rb") as file:
            file.seek(max(status.st_size - _TAIL_BYTES, 0))
            matches = [*_PROGRESS.finditer(file.read())]
            starts = [match for match in matches if match["epoch"]]
            if matches and starts and not matches[-1]["done"]:
                file.seek(0)
                batches = _BATCHES.search(file.read(_HEAD_BYTES))
                number = int(batches[1]) if batches else 0
                return _progress_of_training(starts[-1], matches[-1], number)
    except OSError:  # gone meanwhile
        return None
    told = next((match for match in reversed(matches) if match["done"]), None)
    if told is None:
        return None
    unit = (told["unit"] or b"").decode()
    return Progress(int(told["done"]), int(told["total"]), unit)


def _progress_of_training(start: re.Match, last: re.Match, batches: int) -> Progress:
    part = 0.0
    if last["ended"]:
        part = 1.0
    elif last["batch"] and batches:
        part = min(int(last["batch"]) / batches, 1.0)
    return Progress(int(start["epoch"]) - 1 + part, int(start["epochs"]), "epoch")


def read_epochs(log: Path, since: float = 0.0) -> Iterator[tuple[int, str]]:
    """Find the results of epochs in the end of a training's log.

    Yields:
        Epoch, and how it went: ``train loss 2.3, valid loss 2.6, acc 0.81``. Nothing
        where nothing was written since then, as in :func:`read_progress`.
    """
    try:
        status = log.stat()
        if status.st_mtime < since:
            return
        with log.open("rb") as file:
            file.seek(max(status.st_size - _TAIL_BYTES, 0))
            text = file.read().decode("utf-8", errors="replace")
    except OSError:
        return
    for match in _RESULTS.finditer(text):
        train, valid = (dict(_VALUE.findall(part)) for part in match.groups()[1:])
        shown = [f"{n} {float(valid[n]):.3g}" for n in _TELLING if n in valid]
        loss = float(train.get("loss", "nan"))
        yield int(match[1]), f"train loss {loss:.3g}, valid {', '.join(shown)}"


class Watch:
    """Jobs under way, and how fast they are.

    Args:
        jobs: How many there will be; ``None`` where that is not known.

    Attributes:
        seconds_left: What they will still take, once two looks have told different.
    """

    def __init__(self, jobs: int | None = None) -> None:
        self.start = time.time()
        self.seconds_left: float | None = None
        self._jobs = jobs
        self._first: tuple[float, float] | None = None

    def look(self, logs: Collection[Path]) -> str:
        """Look at their logs; say how far they are, such as ``3/32 utterances``.

        Nothing is said, "", while no log tells.
        """
        found = [p for log in logs if (p := read_progress(log, self.start))]
        done, total = sum(p.done for p in found), sum(p.total for p in found)
        if not total:
            return ""
        # Jobs have about the same share each; some may not have begun.
        fraction = done / total * len(found) / max(self._jobs or 0, len(found))
        now = time.time()
        # What was done before this run (a resumed training) is no measure of speed:
        # the clock starts with the first progress that is seen.
        since, first = self._first = self._first or (now, fraction)
        if fraction > first:
            self.seconds_left = (now - since) / (fraction - first) * (1 - fraction)
        unit = found[-1].unit
        if unit == "epoch":
            return f"epoch {min(int(done) + 1, total)}/{total}"
        if len(found) < (self._jobs or 0):
            return f"{done:.0f} {unit}".rstrip()
        return f"{done:.0f}/{total} {unit}".rstrip()


class Line:
    """A line that changes: rewritten in place on a terminal, elsewhere now and then.

    Args:
        wait: Seconds before the first line where nothing can be rewritten.
        interval: Seconds between such lines.
        longest: The interval grows up to this; ``None`` keeps it as it is.
    """

    def __init__(
        self,
        stream: TextIO = sys.stderr,
        interval: float = 20.0,
        wait: float = 0.0,
        longest: float | None = None,
    ) -> None:
        self._stream = stream
        self._in_place = stream.isatty()
        self._interval = interval
        self._longest = longest or interval
        self._next = time.monotonic() + wait
        self._shown = False

    def show(self, text: str) -> None:
        """Show a text in place of the one before."""
        if self._in_place:
            width = shutil.get_terminal_size().columns - 1
            if len(text) > width:
                text = text[: width - 1] + "…"
            self._stream.write(f"\r{text}\x1b[K")
            self._shown = True
        elif time.monotonic() >= self._next:
            self._next = time.monotonic() + self._interval
            self._interval = min(1.5 * self._interval, self._longest)
            self._stream.write(text + "\n")
        self._stream.flush()

    def say(self, text: str) -> None:
        """Write a line that stays."""
        self.clear()
        self._stream.write(text + "\n")
        self._stream.flush()

    def clear(self) -> None:
        """Make room for a line that stays."""
        if self._shown:
            self._shown = False
            self._stream.write("\r\x1b[K")
            self._stream.flush()
