"""Says how far jobs are, as their logs tell.

ESPnet's training log names each epoch and its batches; our commands log
``progress: DONE/TOTAL unit``. Job runners import this: only the standard library.
"""

import re
import shutil
import sys
import time
from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple, TextIO

_LINE = re.compile(
    rb"progress: (?P<done>\d+)/(?P<total>\d+)(?: (?P<unit>\w+))?"
    rb"|\[train\] mini-batch sizes summary: N-batch=(?P<batches>\d+)"
    rb"|(?P<epoch>\d+)/(?P<epochs>\d+)epoch started"
    rb"|epoch:train:\d+-(?P<batch>\d+)batch: "
    rb"|(?P<ended>\d+)epoch results: \[train\] (?P<train>.*?), \[valid\] (?P<valid>.*)"
)
_VALUE = re.compile(rb"(\w+)=([-+.\deE]+)(?=,|$)")  # not nan: "acc" of a CTC model
# What tells whether a training learns, in ESPnet's names.
_TELLING = (b"loss", b"acc", b"cer_ctc", b"cer", b"acc_accent")


def duration(seconds: float) -> str:
    """Format seconds: ``45 s``, ``12 min``, ``1 h 05 min``."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60:02d} min"


_EPOCH = "epoch"


class Progress(NamedTuple):
    """How far one job is.

    Attributes:
        done: Units done; in a training, a part of an epoch counts as such.
        unit: ``epoch``, or what the job says that it counts.
    """

    done: float
    total: int
    unit: str


# Files are stamped by a clock that ticks: some milliseconds behind, or a second.
_TICK = 1.0


def written_since(path: Path, start: float) -> bool:
    """Tell whether a file was written after a start, in seconds since the epoch.

    Raises:
        OSError: There is no such file.
    """
    return path.stat().st_mtime > start - _TICK


class JobLog:
    """The log of a job, read as it grows.

    Attributes:
        progress: How far the job is; ``None`` while the log does not tell.
        epochs: How each epoch of a training went, in a few words.
    """

    def __init__(self, path: Path) -> None:
        self.progress: Progress | None = None
        self.epochs: dict[int, str] = {}
        self._path = path
        self._read = 0
        self._batches = 0

    def look(self, since: float = 0.0) -> Progress | None:
        """Read what is new.

        A log that was last written before ``since`` (in seconds since the epoch) is of
        an earlier run, and says nothing.
        """
        try:
            if not written_since(self._path, since):
                return None
            with self._path.open("rb") as file:
                file.seek(self._read)
                new = file.read()
        except OSError:  # not there yet
            return None
        # The last line may not be whole yet.
        whole = new[: new.rfind(b"\n") + 1]
        self._read += len(whole)
        for match in _LINE.finditer(whole):
            self._take(match)
        return self.progress

    def _take(self, line: re.Match[bytes]) -> None:
        if line["done"]:
            unit = (line["unit"] or b"").decode()
            self.progress = Progress(int(line["done"]), int(line["total"]), unit)
        elif line["batches"]:
            self._batches = int(line["batches"])
        elif line["epoch"]:
            self.progress = Progress(
                int(line["epoch"]) - 1, int(line["epochs"]), _EPOCH
            )
        elif line["ended"]:
            epoch = int(line["ended"])
            self.epochs[epoch] = _describe(line["train"], line["valid"])
            if self.progress:
                self.progress = self.progress._replace(done=epoch)
        elif self.progress and self._batches:
            part = min(int(line["batch"]) / self._batches, 0.99)
            self.progress = self.progress._replace(done=int(self.progress.done) + part)


def _describe(train: bytes, valid: bytes) -> str:
    """Say how an epoch went: ``train loss 2.3, valid loss 2.6, acc 0.81``."""
    values = dict(_VALUE.findall(valid))
    shown = [f"{n.decode()} {float(values[n]):.3g}" for n in _TELLING if n in values]
    loss = float(dict(_VALUE.findall(train)).get(b"loss", "nan"))
    return f"train loss {loss:.3g}, valid {', '.join(shown)}"


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
        self._logs: dict[Path, JobLog] = {}
        self._first: tuple[float, float] | None = None

    @property
    def epochs(self) -> dict[int, str]:
        """How each epoch went, as far as the logs had it at the last look."""
        return {
            n: went for log in self._logs.values() for n, went in log.epochs.items()
        }

    def look(self, logs: Collection[Path]) -> str:
        """Look at their logs; say how far they are, such as ``3/32 utterances``.

        Nothing is said, "", while no log tells.
        """
        read = [self._logs.setdefault(log, JobLog(log)) for log in logs]
        found = [p for log in read if (p := log.look(self.start))]
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
        if unit == _EPOCH:
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
        stream: TextIO | None = None,
        interval: float = 20.0,
        wait: float = 0.0,
        longest: float | None = None,
    ) -> None:
        self._given = stream
        self._in_place = self._stream.isatty()
        self._interval = interval
        self._longest = longest or interval
        self._next = time.monotonic() + wait
        self._shown = False

    @property
    def _stream(self) -> TextIO:
        return self._given or sys.stderr  # what that is now

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
