"""Say how far a study is and how long it will still take.

What runs and what is done, the workflow engine tells; how long stages take is measured,
in this study, by its benchmarks. Only within a long step are logs looked at: ESPnet's
training log names each epoch, our commands log ``progress: DONE/TOTAL unit``.
"""

import os
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

# Seconds of each stage of one small system. Only their proportions are used, for
# stages of which nothing has been measured yet.
_TYPICAL = {
    **{1: 8, 2: 1, 3: 6, 4: 2, 5: 3, 6: 8, 7: 90, 8: 6, 9: 3, 10: 12},
    **{11: 400, 12: 15, 13: 2, 14: 6, 15: 150, 16: 90, 17: 4},
}
# Shorter ones mostly start processes: they say nothing about the speed of the others.
_LONG = 100
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


def read_seconds(study_dir: Path) -> dict[str, float]:
    """Read how long each finished step took, by the step's name."""
    return {
        path.stem: float(path.read_text(encoding="utf-8").split("\n")[1].split("\t")[0])
        for path in sorted((study_dir / "log" / "benchmark").glob("*.tsv"))
    }


@dataclass
class Running:
    """A step under way, as described in the engine's plan.

    Attributes:
        name: Name of the step.
        step: Its row in the plan.
        log: The step's own log.
        clock: Seconds since the epoch, at its start.
    """

    name: str
    step: Mapping[str, Any]
    log: Path
    clock: float = field(default_factory=time.time)
    _first: tuple[float, float] | None = None
    _left: float | None = None

    def look(self) -> str:
        """Look at its logs; say how far it is, such as ``ctc: attack 3/32``."""
        label = f"{self.step['owner']}: {self.step['what']}"
        found = list(self._read())
        total = sum(count[1] for count in found)
        if not total:
            return label
        done = sum(count[0] for count in found)
        unit = found[-1][2]
        now, fraction = time.time(), done / total
        # What was done before this run (a resumed training) is no measure of speed:
        # the clock starts with the first progress that is seen.
        self._first = self._first or (now, fraction)
        since, first = self._first
        if fraction > first:
            self._left = (now - since) / (fraction - first) * (1 - fraction)
        if unit == "epoch":
            return f"{label} epoch {done + 1}/{total}"
        return f"{label} {done}/{total} {unit}".rstrip()

    def seconds_left(self, expected: float | None) -> float | None:
        """Extrapolate its own speed, else take what its stage takes."""
        if self._left is not None or expected is None:
            return self._left
        return max(expected - (time.time() - self.clock), 0.0)

    def _read(self) -> Iterator[tuple[int, int, str]]:
        """Find the last progress (done, total, unit) in each log written to."""
        logs = [self.log]  # of the step itself: jobs may have no log of their own
        for folder, folders, files in os.walk(self.step["directory"]):
            folders[:] = [name for name in folders if name not in _SKIPPED]
            if Path(folder) != self.log.parent:
                logs += [Path(folder, name) for name in files if name.endswith(".log")]
        for path in logs:
            try:
                if path.stat().st_mtime < self.clock:
                    continue
                with path.open("rb") as file:
                    file.seek(max(path.stat().st_size - _TAIL_BYTES, 0))
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
    """Seconds that each stage is expected to take.

    Args:
        measured: (stage, seconds) of steps that were done.

    Returns:
        By stage; nothing while no long stage has been measured.
    """
    seconds: dict[int, list[float]] = {}
    for stage, value in measured:
        seconds.setdefault(stage, []).append(value)
    known = {stage: median(values) for stage, values in seconds.items()}
    basis = [stage for stage in known if _TYPICAL[stage] >= _LONG]
    if not basis:
        return {}
    scale = sum(known[s] for s in basis) / sum(_TYPICAL[s] for s in basis)
    return {stage: known.get(stage, s * scale) for stage, s in _TYPICAL.items()}


def seconds_left(
    running: Sequence[Running],
    waiting: Sequence[Mapping[str, Any]],
    cores: int,
    measured: Sequence[tuple[int, float]],
) -> float | None:
    """Estimate when the last step will be done.

    Args:
        running: Steps under way.
        waiting: Steps not yet started, in their order, as described in the plan.
        cores: How many cores there are to run steps side by side.
        measured: (stage, seconds) of steps that were done.

    Returns:
        Seconds from now, or ``None`` while it would be a guess.
    """
    projected = [
        (item.step["stage"], time.time() - item.clock + left)
        for item in running
        if (left := item.seconds_left(None)) is not None
    ]
    done = {stage for stage, _ in measured}
    known = [*measured, *((stage, s) for stage, s in projected if stage not in done)]
    expected = expect(known)
    if not expected:
        return None
    # The steps of an owner follow one another; owners run side by side.
    chains: dict[str, float] = {}
    for item in running:
        left = item.seconds_left(expected[item.step["stage"]])
        chains[item.step["owner"]] = left or 0.0
    for step in waiting:
        owner = step["owner"]
        chains[owner] = chains.get(owner, 0.0) + expected[step["stage"]]
    shared = chains.pop("shared", 0.0)
    threads = min([step["threads"] for step in waiting], default=1)
    slots = [0.0] * max(1, cores // threads)
    for seconds in chains.values():
        slots.sort()
        slots[0] += seconds
    return shared + max(slots)
