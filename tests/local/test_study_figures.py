"""What a study cost, from the engine's benchmarks and the jobs' logs."""

import os
from pathlib import Path

import figures
import pytest

HEADS = [
    "# Started at 2025-01-02T03:04:05",
    "# Started at Thu Jan  2 03:04:05 UTC 2025",
]


def write(path: Path, *lines: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(line + "\n" for line in lines))
    return path


def benchmark(study: Path, step: str, seconds: float, memory: str, end: float) -> None:
    rows = ("s\th:m:s\tmax_rss\tmax_pss", f"{seconds}\t0:00:00\t1.0\t{memory}")
    os.utime(write(study / "log" / "benchmark" / f"{step}.tsv", *rows), (end, end))


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("host", ["", "[host:0/2] "])
def test_startup_is_from_the_start_to_the_first_words(
    tmp_path: Path, head: str, host: str
) -> None:
    log = write(
        tmp_path / "train.log",
        "# python3 -m espnet_mtl.bin.asr_mtl_train",
        head,
        "#",
        "something that a library printed",
        f"{host}2025-01-02 03:04:08,500 (asr_mtl:1) INFO: ready",
        f"{host}2025-01-02 03:05:08,500 (asr_mtl:1) INFO: later",
    )
    assert figures.startup_seconds(log) == pytest.approx(3.5)


def test_logs_of_other_jobs_have_no_startup(tmp_path: Path) -> None:
    log = write(tmp_path / "sort.log", HEADS[0], "2025-01-02T03:04:08 (x.sh:1:main) x")
    assert figures.startup_seconds(log) is None
    log = write(tmp_path / "no_head.log", "2025-01-02 03:04:08,500 (m:1) INFO: x")
    assert figures.startup_seconds(log) is None


def test_figures(tmp_path: Path) -> None:
    benchmark(tmp_path, "a.stage11", 70.0, "1536.00", end=1070.0)
    benchmark(tmp_path, "b.stage11", 30.0, "512.00", end=1050.0)  # beside it
    benchmark(tmp_path, "b.stage13", 0.0, "NA", end=1050.0)
    benchmark(tmp_path, "b.stage15", 10.0, "1024.00", end=1090.0)  # afterwards
    write(tmp_path / "log" / "benchmark" / "b.stage16.tsv")  # cut off by a kill
    runs = ('{"wall": 60.0, "cores": 2}', '{"wall": 80.0, "cores": 2}', '{"wall": ')
    write(tmp_path / figures.RUNS, *runs)
    words = "2025-01-02 03:04:16,000 (m:1) INFO: ready"
    write(tmp_path / "asr_mtl_a" / "train.log", HEADS[0], words)
    assert figures.describe(tmp_path) == [
        "Wall time         2 min, in 2 runs",
        "Process start-up  10 % of 2 min of work (1 jobs, 11.0 s each)",
        "Peak memory       at most 2.0 GiB",
        "Work went to      training 91 %, attack 9 %, scoring 0 %",
    ]


def test_figures_of_an_empty_study(tmp_path: Path) -> None:
    assert figures.describe(tmp_path) == ["Wall time         0 s"]
