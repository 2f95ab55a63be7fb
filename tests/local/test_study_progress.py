"""How far, how long still: read from logs."""

import io
import os
from pathlib import Path

import pytest
from progress import (
    CountLogs,
    Display,
    Estimator,
    Progress,
    Running,
    TrainingLog,
    describe,
    duration,
    seconds_left,
)
from study_plan import REPORT_STAGE, STAGE_NAMES

HEAD = "[host] 2025-01-01 00:00:00,000 (trainer:336) INFO: "


def append(path: Path, *lines: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        file.writelines(line + "\n" for line in lines)


def test_training_log_follows_epochs_and_batches(tmp_path: Path) -> None:
    path = tmp_path / "train.log"
    log = TrainingLog(path)
    assert log.poll() is None
    append(
        path,
        f"{HEAD}[train] Batch sampler: NumElementsBatchSampler(N-batch=40, x=9",
        f"{HEAD}[valid] Batch sampler: NumElementsBatchSampler(N-batch=7, x=9",
    )
    assert log.poll() is None
    append(path, f"{HEAD}1/4epoch started")
    assert log.poll() == Progress(0.0, "epoch 1/4")
    append(path, f"{HEAD}1epoch:train:11-20batch: iter_time=1.0, loss=3.0")
    progress = log.poll()
    assert progress is not None
    assert 0.1 < progress.fraction < 0.125
    append(path, f"{HEAD}1epoch results: [train] loss=3.0, [valid] loss=2.0")
    append(path, f"{HEAD}2/4epoch started. Estimated time to finish: 3 minutes")
    assert log.poll() == Progress(0.25, "epoch 2/4")


def test_training_log_ignores_half_a_line(tmp_path: Path) -> None:
    path = tmp_path / "train.log"
    log = TrainingLog(path)
    append(path, f"{HEAD}1/4epoch started")
    with path.open("a") as file:
        file.write("2/4epoch sta")
    assert log.poll() == Progress(0.0, "epoch 1/4")
    with path.open("a") as file:
        file.write("rted\n")
    assert log.poll() == Progress(0.25, "epoch 2/4")


def test_training_log_that_was_rotated_starts_anew(tmp_path: Path) -> None:
    path = tmp_path / "train.log"
    append(path, *[f"{HEAD}{epoch}/9epoch started" for epoch in range(1, 8)])
    log = TrainingLog(path)
    assert log.poll() == Progress(6 / 9, "epoch 7/9")
    path.rename(tmp_path / "train.1.log")
    append(path, "# starting")
    assert log.poll() is None
    append(path, f"{HEAD}8/9epoch started")
    assert log.poll() == Progress(7 / 9, "epoch 8/9")


def test_counts_are_summed_over_jobs_and_old_logs_ignored(tmp_path: Path) -> None:
    append(tmp_path / "old" / "logdir" / "x.1.log", "progress: 50/50 utterances (x)")
    since = (tmp_path / "old" / "logdir" / "x.1.log").stat().st_mtime + 1
    logs = CountLogs(tmp_path, since, tmp_path / "step.log")
    assert logs.poll() is None
    for job, done in ((1, 3), (2, 5)):
        path = tmp_path / "test" / "logdir" / f"attack.{job}.log"
        append(path, "progress: 0/10 utterances (attack)")
        append(path, f"(m:1) INFO: progress: {done}/10 utterances (attack)")
        path_time = since + 1
        os.utime(path, (path_time, path_time))
    assert logs.poll() == Progress(0.4, "8/20 utterances")


def running(stage: int, seen: list[tuple[float, float]], owner: str = "a") -> Running:
    """A step started at 0, seen at some times at some fractions."""

    class Logs:
        def poll(self) -> Progress:
            return Progress(seen[self.at][1], "")

        at = 0

    logs = Logs()
    item = Running(owner, stage, f"{owner}: stage", logs, started=0.0)
    for logs.at, (time, _) in enumerate(seen):
        item.poll(time)
    return item


def test_speed_is_measured_from_the_first_look_not_from_what_was_resumed() -> None:
    item = running(11, [(10.0, 0.5), (20.0, 0.6)])
    assert item.seconds_left(20.0) == pytest.approx(40.0)


def test_no_guess_before_the_first_gain() -> None:
    item = running(11, [(10.0, 0.5), (20.0, 0.5)])
    assert item.seconds_left(20.0) is None
    assert seconds_left([item], {"a": []}, 1, Estimator(), 20.0) is None


def test_time_left_counts_what_waits() -> None:
    item = running(11, [(0.0, 0.0), (50.0, 0.5)])
    estimator = Estimator([(15, 30.0)])
    alone = seconds_left([item], {"a": [15]}, 1, estimator, 50.0)
    assert alone == pytest.approx(50 + 30)
    ahead = {"a": [15], "b": [11, 15]}
    one_slot = seconds_left([item], ahead, 1, estimator, 50.0)
    assert one_slot == pytest.approx(80 + 100 + 30)
    two_slots = seconds_left([item], ahead, 2, estimator, 50.0)
    assert two_slots == pytest.approx(130)


def test_unmeasured_stages_scale_with_the_measured() -> None:
    expected = Estimator([(11, 800.0)]).expected({})
    double = Estimator([(11, 1600.0)]).expected({})
    assert expected is not None and double is not None
    assert double[15] == pytest.approx(2 * expected[15])


def test_every_stage_of_a_study_is_estimated() -> None:
    expected = Estimator([(11, 800.0)]).expected({})
    assert expected is not None
    assert set(expected) == {*STAGE_NAMES} - {REPORT_STAGE}


def test_short_stages_alone_give_no_estimate() -> None:
    assert Estimator([(1, 5.0), (14, 6.0)]).expected({}) is None


def test_description() -> None:
    item = running(11, [(0.0, 0.0)], owner="ctc")
    item.progress = Progress(0.1, "epoch 1/10")
    assert describe([item], 4, 30.0, None) == (
        "ctc: stage epoch 1/10 | 4 waiting | 30 s so far, estimating"
    )
    assert describe([item], 0, 30.0, 1500.0).endswith("about 25 min left")


@pytest.mark.parametrize(
    ("seconds", "text"), [(4.4, "4 s"), (600, "10 min"), (3900, "1 h 05 min")]
)
def test_duration(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_display_prints_lines_now_and_then_where_it_cannot_rewrite() -> None:
    stream = io.StringIO()
    display = Display(stream, interval=1000.0)
    display.show("one")
    display.show("two")
    display.clear()
    assert stream.getvalue() == "one\n"


def test_display_rewrites_its_line_on_a_terminal() -> None:
    stream = io.StringIO()
    stream.isatty = lambda: True  # type: ignore[method-assign]
    display = Display(stream)
    display.show("one")
    display.show("x" * 5000)
    display.clear()
    assert "\n" not in stream.getvalue()
    assert stream.getvalue().startswith("\rone")
    assert len(stream.getvalue()) < 1000
