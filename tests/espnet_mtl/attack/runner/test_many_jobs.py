"""Many jobs, in any order, some of them killed: nothing is lost."""

import random
from dataclasses import replace

import pytest
import toy_attack

from espnet_mtl.attack.runner import writer
from espnet_mtl.attack.runner.log import read_records
from espnet_mtl.errors import UserError
from tests.espnet_mtl.attack.runner.test_job import (
    NUM_TRIALS,
    NUM_UTTS,
    contents,
    replace_paths,
)

CONFIG = replace(toy_attack.CONFIG, batch_bins=1)  # each utterance is a batch
NUM_JOBS = NUM_UTTS


class Killed(BaseException):
    """Like a kill, nobody catches it."""


def test_jobs_that_end_in_any_order_or_are_killed_lose_nothing(
    data_dir, tmp_path, monkeypatch
):
    whole, out = tmp_path / "whole", tmp_path / "out"
    toy_attack.run_and_merge(data_dir, whole, config=CONFIG)
    order = list(range(1, NUM_JOBS + 1))
    random.Random(1).shuffle(order)
    killed = order[::3]
    left, write_audio = None, writer.write_audio

    def write_until_killed(*args):
        nonlocal left
        if left == 0:
            raise Killed
        left = left and left - 1
        write_audio(*args)

    monkeypatch.setattr(writer, "write_audio", write_until_killed)
    for job in order:
        if job not in killed:
            left = None
            toy_attack.run(data_dir, out, [(job, NUM_JOBS)], config=CONFIG)
            continue
        left = 5
        with pytest.raises(Killed):
            toy_attack.run(data_dir, out, [(job, NUM_JOBS)], config=CONFIG)
        with (out / "logdir" / f"records.{job}.jsonl").open("ab") as file:
            file.write(b'{"key":"spk0-0-cl')
    finished = read_records(out)
    with pytest.raises(UserError, match="are not attacked yet.*run the attack"):
        toy_attack.merge_again(data_dir, out, CONFIG)
    left = None
    again = [(job, NUM_JOBS) for job in killed]
    toy_attack.run_and_merge(data_dir, out, again, CONFIG)
    after = read_records(out)
    assert len(after) == NUM_UTTS * NUM_TRIALS
    assert all(after[key] == record for key, record in finished.items())
    assert contents(whole) == replace_paths(contents(out), out, whole)


def test_each_job_keeps_the_plan_once_and_reads_no_other_journal_for_it(
    data_dir, tmp_path
):
    out = tmp_path / "out"
    for _ in range(2):
        toy_attack.run(data_dir, out, [(1, 2), (2, 2)], config=CONFIG)
    journals = sorted((out / "logdir").glob("records.*.jsonl"))
    plans = [path.read_text().count('{"key":"plan"') for path in journals]
    assert plans == [1, 1]
