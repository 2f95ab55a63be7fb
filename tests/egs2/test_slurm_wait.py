"""How utils/slurm.py waits: with what SLURM says and when files come made up."""

import importlib
from pathlib import Path
from types import SimpleNamespace

import pytest

UTILS = Path(__file__).parents[2] / "egs2/TEMPLATE/asr_mtl1/utils"


class Clock:
    """Time that passes only while somebody sleeps; things happen at their time."""

    def __init__(self):
        self.now = 0.0
        self.plans = []

    def time(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds
        assert self.now < 3600, "waited for an hour"
        for when, action in list(self.plans):
            if when <= self.now:
                self.plans.remove((when, action))
                action()

    def strftime(self, _):
        return f"{self.now:.0f}"


@pytest.fixture
def cluster(tmp_path, monkeypatch, capsys):
    """An array of two jobs: what SLURM says about it, what came of it."""
    monkeypatch.syspath_prepend(str(UTILS))
    slurm_wait = importlib.import_module("slurm_wait")
    clock = Clock()
    monkeypatch.setattr(slurm_wait, "time", clock)
    told = SimpleNamespace(states={}, error=None, last="", questions=0)

    def states(array):
        assert array == "7"
        told.questions += 1
        return ({}, told.error) if told.error else (dict(told.states), None)

    monkeypatch.setattr(slurm_wait.slurm_queue, "states", states)
    monkeypatch.setattr(slurm_wait.slurm_queue, "last_state", lambda *_: told.last)
    told.clock = clock
    told.at = lambda when, action: clock.plans.append((when, action))
    told.end = lambda number, status=0: slurm_wait.slurm_folder.write_status(
        str(tmp_path), number, status
    )
    told.wait = lambda: slurm_wait.Waiting("7", range(1, 3), str(tmp_path)).wait()
    told.still_runs = lambda: slurm_wait.still_runs("7")
    told.said = lambda: capsys.readouterr().err.splitlines()
    return told


def both(state, reason="None"):
    return {1: (state, reason), 2: (state, reason)}


def test_status_files_that_come_late_are_waited_for(cluster):
    cluster.states = both("COMPLETED")
    cluster.at(1, lambda: cluster.end(1))
    cluster.at(50, lambda: cluster.end(2, 3))
    assert cluster.wait() == {1: None, 2: "exit status 3"}


def test_a_job_without_status_file_is_given_up(cluster):
    cluster.end(1)
    cluster.states = both("COMPLETED")
    why = cluster.wait()[2]
    assert (
        why.startswith("it left no exit status in ") and "SLURM says COMPLETED" in why
    )
    assert 60 <= cluster.clock.now < 120


def test_a_job_that_slurm_forgot_is_asked_of_the_accounting(cluster):
    cluster.end(1)
    cluster.last = "OUT_OF_MEMORY"
    assert cluster.wait()[2] == (
        "SLURM says OUT_OF_MEMORY: it needed more than --mem of cmd.sh or "
        "conf/slurm.conf gives"
    )


def test_without_accounting_nobody_knows_why(cluster):
    cluster.end(1)
    assert cluster.wait()[2].endswith("and SLURM does not know why")


def test_a_killed_job_is_given_up_soon(cluster):
    cluster.end(1)
    cluster.states = both("TIMEOUT")
    assert "--time" in cluster.wait()[2]
    assert cluster.clock.now < 10


def test_a_command_that_a_signal_ended_is_asked_of_slurm(cluster):
    cluster.states = {1: ("COMPLETING", "None"), 2: ("FAILED", "NonZeroExitCode")}
    cluster.at(0, lambda: (cluster.end(1, -9), cluster.end(2, -11)))
    cluster.at(3, lambda: cluster.states.update({1: ("OUT_OF_MEMORY", "None")}))
    results = cluster.wait()
    assert results[1].startswith("SLURM says OUT_OF_MEMORY") and "--mem" in results[1]
    assert results[2] == "exit status -11"
    assert cluster.clock.now < 10


def test_how_a_job_ended_is_remembered_when_slurm_forgets_it(cluster):
    cluster.states = both("RUNNING")
    cluster.at(200, lambda: cluster.end(1))
    cluster.at(200, lambda: cluster.states.update(both("TIMEOUT", "TimeLimit")))
    cluster.at(231, cluster.states.clear)
    assert "TIMEOUT" in cluster.wait()[2]
    assert cluster.clock.now < 240


def test_a_job_that_is_tried_again_is_waited_for(cluster):
    cluster.end(1)
    cluster.states = both("NODE_FAIL")
    cluster.at(2, lambda: cluster.states.update(both("PENDING", "BeginTime")))
    cluster.at(120, lambda: cluster.states.update(both("RUNNING")))
    cluster.at(400, lambda: cluster.end(2))
    assert cluster.wait() == {1: None, 2: None}


def test_nothing_is_given_up_while_slurm_does_not_answer(cluster):
    cluster.error = "Unable to contact slurm controller"
    cluster.at(900, lambda: cluster.end(1))
    cluster.at(1000, lambda: cluster.end(2))
    assert cluster.wait() == {1: None, 2: None}
    said = [line for line in cluster.said() if "does not answer" in line]
    assert len(said) == 1 and "Unable to contact slurm controller" in said[0]


def test_slurm_is_asked_seldom_and_changes_alone_are_reported(cluster):
    cluster.states = {1: ("RUNNING", "None"), 2: ("PENDING", "Priority")}
    cluster.at(1000, lambda: cluster.states.update({2: ("RUNNING", "None")}))
    cluster.at(2000, lambda: (cluster.end(1), cluster.end(2)))
    cluster.wait()
    assert cluster.questions < 2000 / 30 + 15
    lines = [line.partition("array 7: ")[2] for line in cluster.said()]
    assert lines == [
        "0 of 2 jobs have ended, 1 running, 1 pending (Priority)",
        "0 of 2 jobs have ended, 2 running",
    ]


def test_what_jobs_wait_for_is_said_once_unless_it_is_ordinary(cluster):
    cluster.states = both("PENDING", "Resources")
    cluster.at(100, lambda: cluster.states.update(both("PENDING", "InvalidAccount")))
    cluster.at(500, lambda: (cluster.end(1), cluster.end(2)))
    cluster.wait()
    said = [line for line in cluster.said() if "SLURM says that it waits for" in line]
    assert len(said) == 1 and "InvalidAccount" in said[0] and "'scancel 7'" in said[0]


@pytest.mark.parametrize("state", ["PENDING", "RUNNING", "COMPLETING"])
def test_an_earlier_array_runs_while_any_job_does(cluster, state):
    cluster.states = {1: ("FAILED", "NonZeroExitCode"), 2: (state, "None")}
    assert cluster.still_runs()
    cluster.states = {1: ("FAILED", "NonZeroExitCode"), 2: ("TIMEOUT", "TimeLimit")}
    assert not cluster.still_runs()


def test_an_earlier_array_is_asked_for_until_slurm_answers(cluster):
    cluster.error = "Unable to contact slurm controller"
    cluster.states = both("RUNNING")
    cluster.at(300, lambda: setattr(cluster, "error", None))
    assert cluster.still_runs()
    assert 300 <= cluster.clock.now < 340
    assert len([line for line in cluster.said() if "does not answer" in line]) == 1


def test_an_earlier_array_that_slurm_is_silent_about_ends_the_call(cluster):
    cluster.error = "Unable to contact slurm controller"
    with pytest.raises(SystemExit):
        cluster.still_runs()
    assert 600 <= cluster.clock.now < 640
    last = cluster.said()[-1]
    assert "(Unable to contact slurm controller)" in last
    assert "array 7 of an earlier call" in last and "Nothing was submitted" in last


@pytest.fixture
def queue(tmp_path, monkeypatch):
    """The module that asks, and a way to make up what squeue and sacct print."""
    monkeypatch.syspath_prepend(str(UTILS))
    monkeypatch.setenv("PATH", str(tmp_path))

    def program(name, script):
        (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / name).chmod(0o755)

    return importlib.import_module("slurm_queue"), program


def test_squeue_is_read(queue):
    module, program = queue
    program(
        "squeue", "echo '1|PENDING|Priority'; echo '12|TIMEOUT|TimeLimit'; echo 'N/A||'"
    )
    states = {1: ("PENDING", "Priority"), 12: ("TIMEOUT", "TimeLimit")}
    assert module.states("7") == (states, None)


def test_an_array_that_squeue_has_forgotten_is_no_error(queue):
    module, program = queue
    program(
        "squeue", "echo 'slurm_load_jobs error: Invalid job id specified' >&2; exit 1"
    )
    assert module.states("7") == ({}, None)
    program("squeue", "echo 'Unable to contact slurm controller' >&2; exit 1")
    assert module.states("7") == ({}, "Unable to contact slurm controller")


def test_sacct_is_read_where_there_is_one(queue):
    module, program = queue
    assert module.last_state("7", 2) == ""
    program("sacct", 'case "$*" in *--jobs=7_2) echo "CANCELLED by 1000" ;; esac')
    assert module.last_state("7", 2) == "CANCELLED"
    program("sacct", "echo 'Slurm accounting storage is disabled' >&2; exit 1")
    assert module.last_state("7", 2) == ""
