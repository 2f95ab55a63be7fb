"""Say how far a study is and how long it will still take.

What runs and what is done, the workflow engine tells; how long stages take, its
benchmarks. Only within a long step are logs looked at.
"""

import os
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median

from plan import SHARED, STAGES, Step

from espnet_mtl.job_progress import Watch

# Shorter stages mostly start processes: they tell nothing about the speed of others.
_LONG = 90
# Folders of many files, without logs of jobs in them; "log" has those of steps.
_SKIPPED = {"wav", "data", "old", "log", "tensorboard", "att_ws", "images"}


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
        self.watch = Watch()

    @property
    def start(self) -> float:
        """When it began, in seconds since the epoch."""
        return self.watch.start

    @property
    def seconds_left(self) -> float | None:
        """What it will still take; ``None`` while that is not known."""
        return self.watch.seconds_left

    def look(self) -> str:
        """Look at its logs; say how far it is, such as ``ctc: attack 3/32``."""
        # Jobs may have no log of their own: they write to that of the step.
        logs = [self.log, *find_job_logs(self.step.directory)]
        return f"{self.step.label} {self.watch.look(logs)}".rstrip()


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
