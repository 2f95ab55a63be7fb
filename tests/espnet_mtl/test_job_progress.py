"""How far jobs are, by their logs; and the line that shows it."""

import io
import os
import time
from pathlib import Path

import pytest

from espnet_mtl.job_progress import (
    Line,
    Progress,
    Watch,
    duration,
    read_epochs,
    read_progress,
)

HEAD = "[host] 2025-01-01 00:00:00,000 (trainer:336) INFO: "
RESULTS = (
    f"{HEAD}2epoch results: [train] iter_time=0.019, loss_ctc=34.976, acc=0.017, "
    "loss=24.124, clip=100.000, total_count=18, [valid] loss_ctc=23.731, "
    "cer_ctc=1.000, acc=0.5, wer=nan, loss=20.876, time=0.15 seconds, total_count=6"
)


def log(path: Path, *lines: str) -> Path:
    path.write_text("".join(line + "\n" for line in lines))
    return path


def test_what_our_commands_and_espnet_log(tmp_path: Path) -> None:
    a = tmp_path / "a.log"
    assert read_progress(a) is None
    assert read_progress(log(a, "nothing yet")) is None
    log(a, "x INFO: progress: 1/9 utterances (decoding)", "progress: 4/9 clips", "x")
    assert read_progress(a) == Progress(4, 9, "clips")
    assert read_progress(a, since=time.time() + 10) is None  # of an earlier run
    batches = f"{HEAD}[train] mini-batch sizes summary: N-batch=40, mean=10.7"
    started = f"{HEAD}3/16epoch started. Estimated time to finish: 4 seconds"
    assert read_progress(log(a, started)) == Progress(2, 16, "epoch")
    batch = f"{HEAD}3epoch:train:1-10batch: iter_time=1"
    assert read_progress(log(a, batches, started, batch)) == Progress(2.25, 16, "epoch")
    ended = RESULTS.replace("2epoch", "3epoch")
    assert read_progress(log(a, started, batch, ended)) == Progress(3, 16, "epoch")
    # A new epoch, and a log without the number of batches
    following = started.replace("3/16", "4/16")
    assert read_progress(log(a, batches, batch, following)) == Progress(3, 16, "epoch")
    assert read_progress(log(a, started, batch)) == Progress(2, 16, "epoch")


def test_an_epoch_s_results_are_few_and_without_those_that_are_no_number(
    tmp_path: Path,
) -> None:
    a = log(tmp_path / "a.log", RESULTS)
    said = (2, "train loss 24.1, valid loss 20.9, acc 0.5, cer_ctc 1")
    assert [*read_epochs(a)] == [said]
    assert [*read_epochs(a, since=time.time() + 10)] == []
    assert [*read_epochs(tmp_path / "none.log")] == []


def test_the_shares_of_jobs_are_added_and_the_time_left_follows(tmp_path: Path) -> None:
    a = log(tmp_path / "a", "progress: 2/10 utterances")
    b = tmp_path / "b"
    watch = Watch(jobs=2)
    watch.start -= 1
    assert watch.look([a, b]) == "2 utterances"  # how many b has is not known
    log(b, "progress: 2/10 utterances")
    assert watch.look([a, b]) == "4/20 utterances"
    watch._first = (time.time() - 10, 0.1)
    log(a, "progress: 8/10 utterances")
    assert watch.look([a, b]) == "10/20 utterances"
    assert watch.seconds_left == pytest.approx(12.5, abs=0.5)


def test_logs_of_an_earlier_run_do_not_count(tmp_path: Path) -> None:
    a = log(tmp_path / "a", "progress: 2/10 utterances")
    os.utime(a, (0, 0))
    assert Watch(1).look([a]) == ""


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
