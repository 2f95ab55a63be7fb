"""What a study cost, from its records and logs."""

import json
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


def test_figures_take_the_last_success_of_each_step(tmp_path: Path) -> None:
    entries = [
        {"owner": "a", "stage": 11, "seconds": 50.0, "returncode": 1},
        {"wall": 60.0, "cores": 2, "peak_memory_mib": 2048},
        {"owner": "a", "stage": 11, "seconds": 90.0, "returncode": 0},
        {"owner": "a", "stage": 11, "seconds": 70.0, "returncode": 0},
        {"owner": "b", "stage": 11, "seconds": 30.0, "returncode": 0},
        {"wall": 80.0, "cores": 2, "peak_memory_mib": 1024},
    ]
    write(tmp_path / "log" / "timing.jsonl", *map(json.dumps, entries), '{"torn": ')
    write(
        tmp_path / "asr_mtl_a" / "train.log",
        HEADS[0],
        "2025-01-02 03:04:15,000 (m:1) INFO: ready",
    )
    measured = figures.measure(tmp_path)
    assert (measured.wall, measured.runs, measured.work) == (140.0, 2, 100.0)
    assert measured.startup_share == pytest.approx(0.1)
    assert measured.peak_memory_mib == 2048
    assert figures.describe(measured) == [
        "Wall time         2 min, in 2 runs",
        "Process start-up  10 % of 2 min of work (1 jobs, 10.0 s each)",
        "Peak memory       2.0 GiB",
        "Work went to      training 100 %",
    ]


def test_figures_of_an_empty_study(tmp_path: Path) -> None:
    assert figures.describe(figures.measure(tmp_path)) == ["Wall time         0 s"]
