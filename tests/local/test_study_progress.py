"""How far, how long still."""

import os
import time
from pathlib import Path

import pytest
from plan import Step
from progress import Running, expect, seconds_left

HEAD = "[host] 2025-01-01 00:00:00,000 (trainer:336) INFO: "


def append(path: Path, *lines: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        file.writelines(line + "\n" for line in lines)


def step(stage: int, owner: str = "a", directory: Path = Path("/nowhere")) -> Step:
    return Step(owner, stage, (), "", directory, ())


def running(
    stage: int, began: float, left: float | None = None, owner: str = "a"
) -> Running:
    item = Running(step(stage, owner), Path("/nowhere/x.log"))
    item.watch.start = time.time() - began
    item.watch.seconds_left = left
    return item


def test_a_training_tells_its_epoch(tmp_path: Path) -> None:
    item = Running(step(11, directory=tmp_path / "exp"), tmp_path / "log" / "x.log")
    assert item.look() == "a: training"
    log = tmp_path / "exp" / "train.log"
    append(log, f"{HEAD}1/4epoch started", f"{HEAD}1epoch:train:1-9batch: x")
    assert item.look() == "a: training epoch 1/4"
    assert item.seconds_left is None
    item.watch._first = (time.time() - 30.0, 0.0)
    append(log, f"{HEAD}1epoch results: x", f"{HEAD}2/4epoch started. Estimated x")
    assert item.look() == "a: training epoch 2/4"
    assert item.seconds_left == pytest.approx(90.0, abs=2.0)


def test_counts_of_several_jobs_are_added(tmp_path: Path) -> None:
    old = tmp_path / "exp" / "old_job.log"
    append(old, "x INFO: progress: 7/7 utterances")
    os.utime(old, (0, 0))
    item = Running(step(15, directory=tmp_path / "exp"), tmp_path / "log" / "x.log")
    for job in (1, 2):
        log = tmp_path / "exp" / "attack" / "logdir" / f"attack.{job}.log"
        append(log, f"x INFO: progress: {job}/9 utterances", "x")
        append(log, f"x INFO: progress: {job + 1}/10 utterances")
        append(tmp_path / "exp" / "wav" / "x.log", "progress: 1/1")
    assert item.look() == "a: attack 5/20 utterances"


def test_a_step_without_logs_of_its_own_tells_in_that_of_the_step(
    tmp_path: Path,
) -> None:
    item = Running(step(3, directory=tmp_path), tmp_path / "log" / "x.log")
    append(item.log, "x INFO: progress: 2/4")
    assert item.look() == "a: audio formatting 2/4"


def test_nothing_measured_nothing_guessed() -> None:
    assert seconds_left([running(11, 20.0)], [step(15)], 1, []) is None
    assert expect([(1, 5.0), (14, 6.0)]) == {}  # they say nothing about the others


def test_unmeasured_stages_scale_with_the_measured() -> None:
    once, twice = expect([(11, 800.0)]), expect([(11, 1600.0)])
    assert twice[15] == pytest.approx(2 * once[15])
    assert expect([(11, 800.0), (11, 900.0), (15, 7.0)])[15] == 7.0


def test_time_left_counts_what_waits() -> None:
    item = running(11, began=50.0, left=50.0)
    measured = [(15, 30.0), (11, 100.0)]
    assert seconds_left([item], [], 1, measured) == pytest.approx(50)
    waiting = [step(15)]
    assert seconds_left([item], waiting, 1, measured) == pytest.approx(80)
    waiting += [step(11, "b"), step(15, "b")]
    assert seconds_left([item], waiting, 1, measured) == pytest.approx(210)
    assert seconds_left([item], waiting, 2, measured) == pytest.approx(130)
    shared = step(11, "shared")
    assert seconds_left([item], [shared, *waiting], 2, measured) == pytest.approx(230)


def test_a_running_step_without_progress_takes_what_its_stage_takes() -> None:
    item = running(11, began=40.0)
    assert seconds_left([item], [], 1, [(11, 100.0)]) == pytest.approx(60, abs=1)
    late = running(11, began=400.0)
    assert seconds_left([late], [], 1, [(11, 100.0)]) == pytest.approx(100, abs=1)
