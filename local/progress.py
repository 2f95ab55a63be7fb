"""Say how far a study is and how long it will still take.

What runs and what is done, the workflow engine tells; how long stages take, its
benchmarks. Only within a long step are logs looked at: ESPnet's training log names each
epoch, our commands log ``progress: DONE/TOTAL unit``.
"""

import os
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from plan import STAGES

# Shorter stages mostly start processes: they tell nothing about the speed of others.
_LONG = 90
_PROGRESS = re.compile(rb"progress: (\d+)/(\d+)(?: (\w+))?|(\d+)/(\d+)epoch started")
_TAIL_BYTES = 2**18
_SKIPPED = frozenset({"wav", "data", "dump", "old", "tensorboard", "att_ws", "images"})


def duration(seconds: float) -> str:
    """Format seconds for people: ``45 s``, ``12 min``, ``1 h 05 min``."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60:02d} min"


class Running:
    """A step under way.

    Args:
        step: Its row in the plan.
        log: The step's own log.
    """

    def __init__(self, step: Mapping[str, Any], log: Path) -> None:
        self.step = step
        self.log = log
        self.start = time.time()
        self.seconds_left: float | None = None
        self._first: tuple[float, float] | None = None

    def look(self) -> str:
        """Look at its logs; say how far it is, such as ``ctc: attack 3/32``."""
        label = f"{self.step['owner']}: {self.step['what']}"
        found = [*self._read()]
        total = sum(count[1] for count in found)
        if not total:
            return label
        done = sum(count[0] for count in found)
        now, fraction = time.time(), done / total
        # What was done before this run (a resumed training) is no measure of speed:
        # the clock starts with the first progress that is seen.
        since, first = self._first = self._first or (now, fraction)
        if fraction > first:
            self.seconds_left = (now - since) / (fraction - first) * (1 - fraction)
        unit = found[-1][2]
        if unit == "epoch":
            return f"{label} epoch {done + 1}/{total}"
        return f"{label} {done}/{total} {unit}".rstrip()

    def _read(self) -> Iterator[tuple[int, int, str]]:
        """Find the last progress (done, total, unit) in each log written to."""
        logs = [self.log]  # of the step itself: jobs may have no log of their own
        for folder, folders, files in os.walk(self.step["directory"]):
            folders[:] = [name for name in folders if name not in _SKIPPED]
            if Path(folder) != self.log.parent:
                logs += [Path(folder, name) for name in files if name.endswith(".log")]
        for path in logs:
            try:
                status = path.stat()
                if status.st_mtime < self.start:
                    continue
                with path.open("rb") as file:
                    file.seek(max(status.st_size - _TAIL_BYTES, 0))
                    matches = _PROGRESS.findall(file.read())
            except OSError:  # gone meanwhile
                continue
            if matches:
                done, total, unit, epoch, epochs = matches[-1]
                if epoch:
                    yield int(epoch) - 1, int(epochs), "epoch"
                else:
                    yield int(done), int(total), unit.decode()


def expect(measured: Sequence[tuple[int, float]]) -> dict[int, float]:
    """Tell how many seconds each stage will take.

    Args:
        measured: (stage, seconds) of steps that are done.

    Returns:
        Seconds by stage; nothing while no long stage has been measured.
    """
    by_stage: dict[int, list[float]] = {}
    for stage, seconds in measured:
        by_stage.setdefault(stage, []).append(seconds)
    known = {stage: median(seconds) for stage, seconds in by_stage.items()}
    long = [stage for stage in known if STAGES[stage].seconds >= _LONG]
    if not long:
        return {}
    scale = sum(known[n] for n in long) / sum(STAGES[n].seconds for n in long)
    return {n: known.get(n, stage.seconds * scale) for n, stage in STAGES.items()}


def seconds_left(
    running: Sequence[Running],
    waiting: Sequence[Mapping[str, Any]],
    cores: int,
    measured: Sequence[tuple[int, float]],
) -> float | None:
    """Estimate when the last step will be done.

    Args:
        running: Steps under way.
        waiting: Rows in the plan of the steps that have not begun.
        cores: Number of cores to run steps side by side.
        measured: (stage, seconds) of steps that are done.

    Returns:
        Seconds from now; ``None`` while it would be a guess.
    """
    now = time.time()
    under_way = [
        (item.step["stage"], now - item.start + item.seconds_left)
        for item in running
        if item.seconds_left is not None
    ]
    expected = expect(measured) or expect(under_way)
    if not expected:
        return None
    # The steps of an owner follow one another, owners run side by side.
    chains: dict[str, float] = {}
    for item in running:
        left = item.seconds_left
        if left is None:
            elapsed = now - item.start
            # What takes longer than expected: who knows, but not a moment only.
            left = max(expected[item.step["stage"]] - elapsed, elapsed / 4)
        chains[item.step["owner"]] = left
    for step in waiting:
        seconds = chains.get(step["owner"], 0.0) + expected[step["stage"]]
        chains[step["owner"]] = seconds
    shared = chains.pop("shared", 0.0)
    threads = min((step["threads"] for step in waiting), default=1)
    slots = [0.0] * max(1, cores // threads)
    for seconds in chains.values():
        slots.sort()
        slots[0] += seconds
    return shared + max(slots)
