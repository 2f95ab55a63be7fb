"""Say what a study cost: wall time, the share of process start-up, memory.

How long the steps took and how much memory they had, the workflow engine has measured.
"""

import csv
import json
import re
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from dateutil.parser import parse as parse_date
from plan import STAGES
from progress import find_job_logs

from espnet_mtl.job_progress import duration

RUNS = Path("log", "runs.jsonl")  # in a study: one line for each run of it
# Head of a job's log, as written by utils/run.py and by ESPnet's run.pl ...
_STARTED = re.compile(r"^# Started at (.+)$")
# ... and the first words of a Python program in it, after its imports.
_FIRST_WORDS = re.compile(
    r"^(?:\[[^]]*\] )?(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}) \(\w+:\d+\)"
)
_HEAD_LINES = 200


class Benchmark(NamedTuple):
    """What was measured of a step when it was last done.

    Attributes:
        memory_mib: Highest memory of all its processes together.
        end: In seconds since the epoch.
    """

    stage: int
    seconds: float
    memory_mib: float
    end: float


def read_benchmarks(study_dir: Path) -> list[Benchmark]:
    """Read what the engine has measured of each step that is done."""
    benchmarks = []
    for path in sorted((study_dir / "log" / "benchmark").glob("*.tsv")):
        with path.open(encoding="utf-8", newline="") as file:
            row = next(csv.DictReader(file, delimiter="\t"), None)
        if row is None:  # cut off by a kill
            continue
        stage = int(path.stem[-2:])
        memory = row["max_pss"]  # no number where a step was too short to look
        mib = float(memory) if memory.replace(".", "").isdigit() else 0.0
        end = path.stat().st_mtime
        benchmarks.append(Benchmark(stage, float(row["s"]), mib, end))
    return benchmarks


def peak_memory_mib(benchmarks: Sequence[Benchmark]) -> float:
    """Add up the steps that ran at the same time, each with its own peak, in MiB."""
    together = [
        sum(b.memory_mib for b in benchmarks if b.end - b.seconds < at.end <= b.end)
        for at in benchmarks
    ]
    return max(together, default=0.0)


def startup_seconds(log: Path) -> float | None:
    """Time from a job's start to the first words of its program, in seconds.

    ``None`` when the log is not that of a Python job, or its date cannot be read.
    """
    started = None
    with log.open(encoding="utf-8", errors="replace") as file, suppress(ValueError):
        for line in islice(file, _HEAD_LINES):
            if match := _STARTED.match(line):  # ISO, or as date(1) prints it
                started = parse_date(match[1], ignoretz=True)
            elif started and (match := _FIRST_WORDS.match(line)):
                return max((parse_date(match[1]) - started).total_seconds(), 0.0)
    return None


def describe(study_dir: Path) -> list[str]:
    """Say in a few lines what a study cost, over all the runs that it took."""
    runs = study_dir / RUNS
    lines = runs.read_text(encoding="utf-8").split("\n") if runs.exists() else []
    # A full disk may have cut off a line.
    walls = [json.loads(line)["wall"] for line in lines if line.endswith("}")]
    benchmarks = read_benchmarks(study_dir)
    seconds = Counter[int]()
    for benchmark in benchmarks:
        seconds[benchmark.stage] += benchmark.seconds
    work = seconds.total()
    # Before its first words a step may do anything, but packing is one command.
    logs = [*(study_dir / "log").glob("*.stage14.log"), *find_job_logs(study_dir)]
    startups = [s for log in logs if (s := startup_seconds(log))]

    in_runs = f", in {len(walls)} runs" if len(walls) > 1 else ""
    said = [f"Wall time         {duration(sum(walls))}{in_runs}"]
    if startups and work:
        said.append(
            f"Process start-up  {100 * sum(startups) / work:.0f} % of "
            f"{duration(work)} of work ({len(startups)} jobs, "
            f"{sum(startups) / len(startups):.1f} s each)"
        )
    if peak := peak_memory_mib(benchmarks):
        said.append(f"Peak memory       at most {peak / 1024:.1f} GiB")
    if work:
        longest = [
            f"{STAGES[stage].what} {100 * part / work:.0f} %"
            for stage, part in seconds.most_common(4)
        ]
        said.append(f"Work went to      {', '.join(longest)}")
    return said
