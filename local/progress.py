"""Say how far a study is and how long it will still take.

What runs and what is done, the workflow engine tells; how long stages take, its
benchmarks. Only within a long step are logs looked at: ESPnet's training log names each
epoch, our commands log ``progress: DONE/TOTAL unit``.
"""

import os
import re
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median

from plan import SHARED, STAGES, Step

# Shorter stages mostly start processes: they tell nothing about the speed of others.
_LONG = 90
_PROGRESS = re.compile(rb"progress: (\d+)/(\d+)(?: (\w+))?|(\d+)/(\d+)epoch started")
_TAIL_BYTES = 2**18
# Folders of many files, without logs of jobs in them; "log" has those of steps.
_SKIPPED = {"wav", "data", "old", "log", "tensorboard", "att_ws", "images"}


def duration(seconds: float) -> str:
    """Format seconds: ``45 s``, ``12 min``, ``1 h 05 min``."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def find_job_logs(directory: Path) -> Iterator[Path]:
    """Find the logs of jobs in a directory of the study."""
    for folder, folders, files in os.walk(directory):
        folders[:] = [name for name in folders if name not in _SKIPPED]
        yield from (Path(folder, name) for name in files if name.endswith(".log"))


class Running:
    """A step under way.

    Args:
        log: The step's own log.
    """

    def __init__(self, step: Step, log: Path) -> None:
        self.step = step
        self.log = log
        self.start = time.time()
        self.seconds_left: float | None = None
        self._first: tuple[float, float] | None = None

    def look(self) -> str:
        """Look at its logs; say how far it is, such as ``ctc: attack 3/32``."""
        # Jobs may have no log of their own: they write to that of the step.
        logs = [self.log, *find_job_logs(self.step.directory)]
        found = [progress for log in logs if (progress := self._read(log))]
        done, total = (sum(progress[n] for progress in found) for n in (0, 1))
        if not total:
            return self.step.label
        now, fraction = time.time(), done / total
        # What was done before this run (a resumed training) is no measure of speed:
        # the clock starts with the first progress that is seen.
        since, first = self._first = self._first or (now, fraction)
        if fraction > first:
            self.seconds_left = (now - since) / (fraction - first) * (1 - fraction)
        unit = found[-1][2]
        if unit == "epoch":
            return f"{self.step.label} epoch {done + 1}/{total}"
        return f"{self.step.label} {done}/{total} {unit}".rstrip()

    def _read(self, log: Path) -> tuple[int, int, str] | None:
        """Find the last progress in a log of this run: done, total, unit."""
        try:
            status = log.stat()
            if status.st_mtime < self.start:
                return None
            with log.open("rb") as file:
                file.seek(max(status.st_size - _TAIL_BYTES, 0))
                matches = _PROGRESS.findall(file.read())
        except OSError:  # gone meanwhile
            return None
        if not matches:
            return None
        done, total, unit, epoch, epochs = matches[-1]
        if epoch:
            return int(epoch) - 1, int(epochs), "epoch"
        return int(done), int(total), unit.decode()


def expect(measured: Sequence[tuple[int, float]]) -> dict[int, float]:
    """Tell how many seconds each stage will take.

    Args:
        measured: (stage, seconds) of steps that are done.

    Returns:
        Seconds by stage; nothing while no long stage has been measured.
    """
    by_stage: dict[int, list[float]] = defaultdict(list)
    for stage, seconds in measured:
        by_stage[stage].append(seconds)
    known = {stage: median(seconds) for stage, seconds in by_stage.items()}
    long = [stage for stage in known if STAGES[stage].seconds >= _LONG]
    if not long:
        return {}
    scale = sum(known[n] for n in long) / sum(STAGES[n].seconds for n in long)
    return {n: known.get(n, stage.seconds * scale) for n, stage in STAGES.items()}


def seconds_left(
    running: Sequence[Running],
    waiting: Sequence[Step],
    cores: int,
    measured: Sequence[tuple[int, float]],
) -> float | None:
    """Estimate when the last step will be done.

    Args:
        cores: Number of cores to run steps side by side.
        measured: (stage, seconds) of steps that are done.

    Returns:
        Seconds from now; ``None`` while it would be a guess.
    """
    now = time.time()
    under_way = [
        (item.step.stage, now - item.start + item.seconds_left)
        for item in running
        if item.seconds_left is not None
    ]
    expected = expect(measured) or expect(under_way)
    if not expected:
        return None
    # The steps of an owner follow one another, owners run side by side.
    chains: dict[str, float] = defaultdict(float)
    for item in running:
        elapsed = now - item.start
        # What takes longer than expected: who knows, but not a moment only.
        rest = max(expected[item.step.stage] - elapsed, elapsed / 4)
        chains[item.step.owner] = (
            rest if item.seconds_left is None else item.seconds_left
        )
    for step in waiting:
        chains[step.owner] += expected[step.stage]
    shared = chains.pop(SHARED, 0.0)
    ends = [0.0] * cores
    for seconds in chains.values():
        ends[ends.index(min(ends))] += seconds
    return shared + max(ends)
