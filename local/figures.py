#!/usr/bin/env python3
"""Say what a study cost: wall time, the share of process start-up, memory.

How long the steps took and how much memory they had is in the benchmarks that the
workflow engine wrote.
"""

import csv
import datetime
import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from plan import STAGE_NAMES
from progress import duration

# One line for each run of the study.
RUNS = Path("log", "runs.jsonl")

# Head of a job's log, as written by utils/run.py and by ESPnet's run.pl ...
_STARTED = re.compile(r"^# Started at (.+)$")
# ... and the first words of a Python program in it, after its imports.
_FIRST_WORDS = re.compile(
    r"^(?:\[[^]]*\] )?(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d),(\d{3}) \(\w+:\d+\)"
)
_HEAD_LINES = 200
_PACKING = 14
_SKIPPED = frozenset({"wav", "data", "old", "tensorboard"})


@dataclass(frozen=True)
class Benchmark:
    """What the engine measured of the last success of a step.

    Attributes:
        stage: Stage number.
        seconds: How long it took.
        memory_mib: Its highest memory, that of all its processes together.
        end: When it ended, in seconds since the epoch.
    """

    stage: int
    seconds: float
    memory_mib: float
    end: float


@dataclass(frozen=True)
class Figures:
    """What a study cost.

    Attributes:
        wall: Seconds from start to end, summed over the runs that it took.
        runs: Number of runs.
        work: Seconds of all steps; more than ``wall`` where they ran side by side.
        startups: Seconds that each process needed before it could work.
        peak_memory_mib: Highest memory of the steps that ran at the same time. (Each
            counts with its own peak, so that it was at most this.)
        stages: Stage -> seconds, over all systems.
    """

    wall: float
    runs: int
    work: float
    startups: tuple[float, ...]
    peak_memory_mib: float
    stages: Mapping[int, float]

    @property
    def startup_share(self) -> float:
        """Start-up as a part of all work, from 0 to 1."""
        return sum(self.startups) / self.work if self.work else 0.0


def startup_seconds(log: Path) -> float | None:
    """Time from a job's start to the first words of its program.

    Returns:
        Seconds; ``None`` when the log is not that of a Python job.
    """
    started = None
    with log.open(encoding="utf-8", errors="replace") as file:
        for _, line in zip(range(_HEAD_LINES), file, strict=False):
            if match := _STARTED.match(line):
                started = _time_of(match[1].strip())
            elif started is not None and (match := _FIRST_WORDS.match(line)):
                words = datetime.datetime.fromisoformat(f"{match[1]}.{match[2]}")
                return max((words - started).total_seconds(), 0.0)
    return None


def _time_of(text: str) -> datetime.datetime | None:
    """Read the local time that a job runner wrote, ISO or as ``date`` prints it."""
    words = text.split()
    if (
        len(words) == 6
    ):  # ``date`` has the zone, which is the local one, before the year
        del words[4]
    for read in (
        datetime.datetime.fromisoformat,
        lambda date: datetime.datetime.strptime(date, "%a %b %d %H:%M:%S %Y"),
    ):
        try:
            return read(" ".join(words)).replace(tzinfo=None)
        except ValueError:
            continue
    return None


def read_benchmarks(study_dir: Path) -> list[Benchmark]:
    """Read what the engine measured of each step that is done."""
    benchmarks = []
    for path in sorted((study_dir / "log" / "benchmark").glob("*.tsv")):
        with path.open(encoding="utf-8", newline="") as file:
            row = next(csv.DictReader(file, delimiter="\t"))
        stage = int(path.stem.rpartition(".stage")[2])
        seconds = float(row["s"])
        # Too short to be measured, or not Linux: "NA"
        memory = float(row["max_pss"]) if row["max_pss"] not in ("NA", "-") else 0.0
        benchmarks.append(Benchmark(stage, seconds, memory, path.stat().st_mtime))
    return benchmarks


def find_peak(benchmarks: Sequence[Benchmark]) -> float:
    """Find the highest memory of steps that ran at the same time, in MiB."""
    return max(
        (
            sum(
                other.memory_mib
                for other in benchmarks
                if other.end - other.seconds < one.end <= other.end
            )
            for one in benchmarks
        ),
        default=0.0,
    )


def measure(study_dir: Path) -> Figures:
    """Collect what is known about a study from its benchmarks and logs."""
    benchmarks = read_benchmarks(study_dir)
    stages: dict[int, float] = {}
    for benchmark in benchmarks:
        stages[benchmark.stage] = stages.get(benchmark.stage, 0.0) + benchmark.seconds
    walls = [
        json.loads(line)["wall"]
        for line in _lines(study_dir / RUNS)
        if line.endswith("}")  # not one that a full disk cut off
    ]
    startups = [startup_seconds(log) for log in _job_logs(study_dir)]
    return Figures(
        wall=sum(walls),
        runs=len(walls),
        work=sum(stages.values()),
        startups=tuple(seconds for seconds in startups if seconds is not None),
        peak_memory_mib=find_peak(benchmarks),
        stages=stages,
    )


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines() if path.exists() else []


def _job_logs(study_dir: Path) -> Iterator[Path]:
    for folder, folders, files in os.walk(study_dir):
        folders[:] = [name for name in folders if name not in _SKIPPED]
        logs = [name for name in files if name.endswith(".log")]
        if Path(folder) == study_dir / "log":
            # Logs of steps: what a step did before its first words may be anything,
            # except in packing, which is one command.
            logs = [name for name in logs if name.endswith(f".stage{_PACKING}.log")]
        yield from (Path(folder) / name for name in logs)


def describe(figures: Figures) -> list[str]:
    """The figures as lines of text."""
    runs = "" if figures.runs < 2 else f", in {figures.runs} runs"
    lines = [f"Wall time         {duration(figures.wall)}{runs}"]
    if figures.startups:
        each = sum(figures.startups) / len(figures.startups)
        lines.append(
            f"Process start-up  {100 * figures.startup_share:.0f} % of "
            f"{duration(figures.work)} of work ({len(figures.startups)} jobs, "
            f"{each:.1f} s each)"
        )
    if figures.peak_memory_mib:
        lines.append(f"Peak memory       {figures.peak_memory_mib / 1024:.1f} GiB")
    longest = sorted(figures.stages.items(), key=lambda item: -item[1])[:4]
    parts = [
        f"{STAGE_NAMES[stage]} {100 * seconds / figures.work:.0f} %"
        for stage, seconds in longest
    ]
    if parts:
        lines.append(f"Work went to      {', '.join(parts)}")
    return lines


def show(study_dir: Path) -> None:
    """Print the figures of a study."""
    print("\n".join(describe(measure(study_dir))))
