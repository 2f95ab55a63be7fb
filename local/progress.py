"""Say how far a study is: read the logs of running steps, estimate what is left.

Nothing has to cooperate beyond what it logs anyway: ESPnet's training log has its epoch
and batch lines, our commands log ``progress: DONE/TOTAL unit``. Only the standard
library is used, so that watching costs nothing.
"""

import os
import re
import shutil
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import TextIO

TRAINING = (7, 11)  # of a language model, of a system
# Seconds of each stage of one small system. Only their proportions are used, for
# stages of which nothing has been measured yet.
_TYPICAL = {
    **{1: 8, 2: 1, 3: 6, 4: 2, 5: 3, 6: 8, 7: 90, 8: 6, 9: 3, 10: 12},
    **{11: 400, 12: 15, 13: 2, 14: 6, 15: 150, 16: 90, 17: 4},
}
# What a training epoch spends on training; the rest goes to validation and saving.
_TRAIN_SHARE = 0.9

_EPOCH_STARTED = re.compile(r"\b(\d+)/(\d+)epoch started")
_EPOCH_RESULTS = re.compile(r"\b(\d+)epoch results:")
_TRAIN_BATCHES = re.compile(r"\b(\d+)epoch:train:\d+-(\d+)batch:")
_NUM_BATCHES = re.compile(r"\[train\] Batch sampler: .*?N-batch=(\d+)")
_COUNT = re.compile(r"progress: (\d+)/(\d+)(?: (\w+))?")


@dataclass(frozen=True)
class Progress:
    """How far one step is.

    Attributes:
        fraction: From 0 to 1.
        text: The same for people, such as ``epoch 3/30``.
    """

    fraction: float
    text: str


class _Follower:
    """Reads what a growing file gained since the last look."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._inode = -1
        self._offset = 0

    def new_lines(self) -> tuple[list[str], bool]:
        """Return the complete new lines, and whether the file was begun anew."""
        try:
            with self.path.open("rb") as file:
                status = os.fstat(file.fileno())
                anew = status.st_ino != self._inode or status.st_size < self._offset
                if anew:
                    self._inode, self._offset = status.st_ino, 0
                file.seek(self._offset)
                data = file.read()
        except OSError:
            return [], False
        complete = data.rfind(b"\n") + 1
        self._offset += complete
        return data[:complete].decode("utf-8", "replace").splitlines(), anew


class TrainingLog:
    """Progress of a training from ESPnet's ``train.log``."""

    def __init__(self, path: Path) -> None:
        self._follower = _Follower(path)
        self._forget()

    def _forget(self) -> None:
        self.epoch = 0
        self.max_epoch = 0
        self.finished = 0
        self.batch = 0
        self.num_batches = 0

    def poll(self) -> Progress | None:
        """Read on; ``None`` until the first epoch has started."""
        lines, anew = self._follower.new_lines()
        if anew:
            self._forget()
        for line in lines:
            self._take(line)
        if not self.max_epoch:
            return None
        within = min(self.batch / self.num_batches, 1.0) if self.num_batches else 0.0
        done = self.finished + _TRAIN_SHARE * within * (self.epoch > self.finished)
        text = f"epoch {self.epoch}/{self.max_epoch}"
        return Progress(min(done / self.max_epoch, 1.0), text)

    def _take(self, line: str) -> None:
        if match := _EPOCH_STARTED.search(line):
            self.epoch, self.max_epoch = int(match[1]), int(match[2])
            self.finished, self.batch = self.epoch - 1, 0
        elif match := _TRAIN_BATCHES.search(line):
            self.batch = int(match[2])
        elif match := _EPOCH_RESULTS.search(line):
            self.finished = int(match[1])
        elif match := _NUM_BATCHES.search(line):
            self.num_batches = int(match[1])


class CountLogs:
    """Progress from the ``progress: DONE/TOTAL unit`` lines of a step's job logs.

    Args:
        directory: Searched with all below it for ``*.log``, except audio folders.
        since: Logs that have not changed since then (seconds of the epoch) belong to
            earlier steps.
        extra: Log of the step itself.
    """

    _SKIPPED = frozenset({"wav", "data", "dump", "tensorboard", "att_ws", "images"})

    def __init__(self, directory: Path, since: float, extra: Path) -> None:
        self._directory = directory
        self._since = since
        self._extra = extra
        self._followers: dict[Path, _Follower] = {}
        self._counts: dict[Path, tuple[int, int]] = {}
        self._unit = ""

    def poll(self) -> Progress | None:
        """Read on; ``None`` until the first such line."""
        for path in self._logs():
            follower = self._followers.setdefault(path, _Follower(path))
            lines, anew = follower.new_lines()
            if anew:
                self._counts.pop(path, None)
            for line in lines:
                if match := _COUNT.search(line):
                    self._counts[path] = (int(match[1]), int(match[2]))
                    self._unit = match[3] or self._unit
        done = sum(count[0] for count in self._counts.values())
        total = sum(count[1] for count in self._counts.values())
        if not total:
            return None
        return Progress(done / total, f"{done}/{total} {self._unit}".rstrip())

    def _logs(self) -> Iterable[Path]:
        # The step's own log repeats what a job without a log of its own says.
        yield self._extra
        for folder, folders, files in os.walk(self._directory):
            folders[:] = [name for name in folders if name not in self._SKIPPED]
            for name in files:
                path = Path(folder) / name
                if name.endswith(".log") and path != self._extra:
                    try:
                        fresh = path.stat().st_mtime >= self._since
                    except OSError:
                        continue
                    if fresh:
                        yield path


@dataclass
class Running:
    """A step under way.

    Attributes:
        owner: ``shared`` or a system.
        stage: Stage number.
        label: What is shown, such as ``ctc: training``.
        logs: Where its progress is read.
        started: ``time.monotonic()`` at its start.
    """

    owner: str
    stage: int
    label: str
    logs: TrainingLog | CountLogs
    started: float
    progress: Progress | None = None
    _first: tuple[float, float] | None = field(default=None, repr=False)

    def poll(self, now: float) -> None:
        """Look at its logs."""
        self.progress = self.logs.poll() or self.progress
        if self.progress and self._first is None:
            self._first = (now, self.progress.fraction)

    def seconds_left(self, now: float) -> float | None:
        """Extrapolate its own speed; ``None`` while there is nothing to go by.

        What was done before this run (a resumed training) is no measure of speed, so
        the clock starts at the first progress that was seen.
        """
        if self.progress is None or self._first is None:
            return None
        since, fraction = self._first
        gained = self.progress.fraction - fraction
        if gained <= 0 or now <= since:
            return None
        return (now - since) / gained * (1 - self.progress.fraction)


class Estimator:
    """Estimates stages not yet run from those that were.

    Args:
        measured: (stage, seconds) of finished steps, from earlier runs or this one.
    """

    def __init__(self, measured: Iterable[tuple[int, float]] = ()) -> None:
        self._seconds: dict[int, list[float]] = {}
        for stage, seconds in measured:
            self.add(stage, seconds)

    def add(self, stage: int, seconds: float) -> None:
        """Take note of a finished step."""
        self._seconds.setdefault(stage, []).append(seconds)

    def expected(self, projected: Mapping[int, float]) -> dict[int, float] | None:
        """Seconds each stage is expected to take; ``None`` when nothing is known.

        Args:
            projected: Stage -> total seconds that running steps will have taken.
        """
        known = {stage: median(values) for stage, values in self._seconds.items()}
        known = {**projected, **known}
        # Stages that only start a process say nothing about the speed of the others.
        basis = [stage for stage in known if _TYPICAL.get(stage, 0) >= 100]
        if not basis:
            return None
        scale = sum(known[s] for s in basis) / sum(_TYPICAL[s] for s in basis)
        return {
            stage: known.get(stage, typical * scale)
            for stage, typical in _TYPICAL.items()
        }


def seconds_left(
    running: Sequence[Running],
    ahead: Mapping[str, Sequence[int]],
    slots: int,
    estimator: Estimator,
    now: float,
) -> float | None:
    """Estimate when the last system will be done.

    Args:
        running: Steps under way.
        ahead: Owner -> its stages not yet started, in the order they will be run; the
            owners that are running are among them.
        slots: How many systems run side by side.
        estimator: What is known about durations.
        now: ``time.monotonic()``.

    Returns:
        Seconds from now, or ``None`` while it would be a guess.
    """
    own = {item.owner: item.seconds_left(now) for item in running}
    projected = {
        item.stage: now - item.started + left
        for item in running
        if (left := own[item.owner]) is not None
    }
    expected = estimator.expected(projected)
    if expected is None:
        return None
    ends = []
    for item in running:
        left = own[item.owner]
        if left is None:
            left = max(expected[item.stage] - (now - item.started), 0.0)
        ends.append(left + sum(expected[stage] for stage in ahead.get(item.owner, ())))
    ends += [0.0] * (slots - len(ends))
    for owner, stages in ahead.items():
        if owner not in own:
            first = ends.index(min(ends))
            ends[first] += sum(expected[stage] for stage in stages)
    return max(ends)


def duration(seconds: float) -> str:
    """Format seconds for people: ``45 s``, ``12 min``, ``1 h 05 min``."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def describe(
    running: Sequence[Running], waiting: int, elapsed: float, left: float | None
) -> str:
    """One line: what is running, how far, how long still."""
    parts = [
        f"{item.label} {item.progress.text}" if item.progress else item.label
        for item in running
    ]
    if waiting:
        parts.append(f"{waiting} waiting")
    rest = "estimating" if left is None else f"about {duration(left)} left"
    parts.append(f"{duration(elapsed)} so far, {rest}")
    return " | ".join(parts)


class Display:
    """Shows the line: rewritten in place on a terminal, else now and then anew.

    Args:
        stream: Where to.
        interval: Seconds between lines where nothing can be rewritten.
    """

    def __init__(self, stream: TextIO = sys.stderr, interval: float = 20.0) -> None:
        self._stream = stream
        self._in_place = stream.isatty()
        self._interval = interval
        self._last = -interval
        self._shown = False

    def show(self, line: str) -> None:
        """Show the state."""
        if self._in_place:
            width = shutil.get_terminal_size().columns - 1
            if len(line) > width:
                line = line[: width - 1] + "…"
            self._stream.write(f"\r{line}\x1b[K")
            self._shown = True
        elif time.monotonic() - self._last >= self._interval:
            self._last = time.monotonic()
            self._stream.write(line + "\n")
        self._stream.flush()

    def clear(self) -> None:
        """Make room for a line that stays."""
        if self._shown:
            self._stream.write("\r\x1b[K")
            self._stream.flush()
            self._shown = False
