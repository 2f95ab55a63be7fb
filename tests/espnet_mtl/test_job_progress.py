"""How far jobs are, by their logs; and the line that shows it."""

import io
import os
import time
from pathlib import Path

import pytest

from espnet_mtl.job_progress import (
    JobLog,
    Line,
    Progress,
    Watch,
    duration,
)

HEAD = "[host] 2025-01-01 00:00:00,000 (trainer:336) INFO: "
RESULTS = (
    f"{HEAD}2epoch results: [train] iter_time=0.019, loss_ctc=34.976, acc=0.017, "
    "loss=24.124, clip=100.000, total_count=18, [valid] loss_ctc=23.731, "
    "cer_ctc=1.000, acc=0.5, wer=nan, loss=20.876, time=0.15 seconds, total_count=6"
)


def append(path: Path, *lines: str) -> None:
    with path.open("a") as file:
        file.writelines(line + "\n" for line in lines)


def log(path: Path, *lines: str) -> Path:
    path.unlink(missing_ok=True)
    append(path, *lines)
    return path


def test_what_our_commands_log(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    job = JobLog(path)
    assert job.look() is None
    log(path, "nothing yet")
    assert job.look() is None
    append(path, "x INFO: progress: 1/9 utterances (decoding)", "progress: 4/9 clips")
    assert job.look(since=time.time() + 10) is None  # of an earlier run
    assert job.look() == Progress(4, 9, "clips")
    with path.open("a") as file:
        file.write("progress: 5/9")
        file.flush()
        assert job.look() == Progress(4, 9, "clips")  # a line may not be whole yet
        file.write("9 clips\n")
    assert job.look() == Progress(5, 99, "clips")


def test_what_espnet_logs_of_a_training(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    job = JobLog(path)
    log(path, f"{HEAD}2/16epoch started. Estimated time to finish: 4 seconds")
    assert job.look() == Progress(1, 16, "epoch")
    batch = f"{HEAD}2epoch:train:1-10batch: iter_time=1"
    append(path, batch)
    assert job.look() == Progress(1, 16, "epoch")  # of how many?
    append(path, f"{HEAD}[train] mini-batch sizes summary: N-batch=40, mean=1", batch)
    assert job.look() == Progress(1.25, 16, "epoch")
    append(path, batch.replace("1-10", "11-20"))
    assert job.look() == Progress(1.5, 16, "epoch")
    append(path, RESULTS)
    assert job.look() == Progress(2, 16, "epoch")
    append(path, f"{HEAD}3/16epoch started", batch)
    assert job.look() == Progress(2.25, 16, "epoch")
    # Few figures of an epoch, and none that is no number
    assert job.epochs == {2: "train loss 24.1, valid loss 20.9, acc 0.5, cer_ctc 1"}


def test_the_shares_of_jobs_are_added_and_the_time_left_follows(tmp_path: Path) -> None:
    a = log(tmp_path / "a", "progress: 2/10 utterances")
    b = tmp_path / "b"
    watch = Watch(jobs=2)
    watch.start -= 1
    assert watch.look([a, b]) == "2 utterances"  # how many b has is not known
    log(b, "progress: 2/10 utterances")
    assert watch.look([a, b]) == "4/20 utterances"
    watch._first = (time.time() - 10, 0.1)
    append(a, "progress: 8/10 utterances")
    assert watch.look([a, b]) == "10/20 utterances"
    assert watch.seconds_left == pytest.approx(12.5, abs=0.5)


def test_logs_of_an_earlier_run_do_not_count(tmp_path: Path) -> None:
    a = log(tmp_path / "a", "progress: 2/10 utterances")
    os.utime(a, (0, 0))
    assert Watch(1).look([a]) == ""


def test_a_stamp_a_tick_behind_is_of_this_run(tmp_path: Path) -> None:
    a = log(tmp_path / "a", "progress: 2/10 utterances")
    watch = Watch(1)
    os.utime(a, (watch.start - 0.5, watch.start - 0.5))
    assert watch.look([a]) == "2/10 utterances"


def test_lines_become_rarer_where_that_is_wanted() -> None:
    stream = io.StringIO()
    line = Line(stream, interval=1000.0, longest=1200.0, wait=1000.0)
    line.show("too early")
    line._next = 0.0
    line.show("one")
    line.say("stays")
    assert stream.getvalue() == "one\nstays\n"
    assert line._interval == 1200.0


@pytest.mark.parametrize(
    ("seconds", "text"), [(4.4, "4 s"), (600, "10 min"), (3900, "1 h 05 min")]
)
def test_duration(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_the_line_prints_lines_now_and_then_where_it_cannot_rewrite() -> None:
    stream = io.StringIO()
    shown = Line(stream, interval=1000.0)
    shown.show("one")
    shown.show("two")
    shown.clear()
    assert stream.getvalue() == "one\n"


def test_the_line_rewrites_its_line_on_a_terminal() -> None:
    stream = io.StringIO()
    stream.isatty = lambda: True  # type: ignore[method-assign]
    shown = Line(stream)
    shown.show("one")
    shown.show("x" * 5000)
    shown.clear()
    assert "\n" not in stream.getvalue()
    assert stream.getvalue().startswith("\rone")
    assert len(stream.getvalue()) < 1000
