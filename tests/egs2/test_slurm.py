"""How utils/slurm.py waits and what it concludes, with SLURM's answers made up."""

import importlib
from pathlib import Path
from subprocess import CompletedProcess
from types import SimpleNamespace

import pytest

UTILS = Path(__file__).parents[2] / "egs2/TEMPLATE/asr_mtl1/utils"
NO_ANSWER = CompletedProcess([], 1, "", "Unable to contact slurm controller")


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
    """An array of two jobs: what squeue and sacct say about it, and its logs."""
    monkeypatch.syspath_prepend(str(UTILS))
    monkeypatch.chdir(tmp_path)
    slurm = importlib.import_module("slurm")
    clock = Clock()
    monkeypatch.setattr(slurm, "time", clock)
    call = slurm.jobs.Call({}, range(1, 3), "log.JOB", ["true"], "JOB")
    array = slurm.Array(call)
    array.id = "7"
    told = SimpleNamespace(array=array, clock=clock, queue=[], ended="", accounting="")
    told.answers, told.questions = True, 0

    def run(command, _text=None):
        if command[0] == "sacct":
            return CompletedProcess(command, 0, told.accounting, "")
        if not told.answers:
            return NO_ANSWER
        if "--states=all" in command:
            return CompletedProcess(command, 0, told.ended, "")
        told.questions += 1
        marks = f"{array.log_mark} {array.call_mark}"
        said = [f"7|{state}|{reason}|{marks}\n" for state, reason in told.queue]
        return CompletedProcess(command, 0, "".join([*said, "8|RUNNING|None|\n"]), "")

    def end(number, status=0, job="7"):
        head = f"# true\n# Running on node, SLURM job {job}_{number}\n"
        Path(f"log.{number}").write_text(f"{head}# Ended (code {status}) at noon\n")

    monkeypatch.setattr(slurm, "run", run)
    told.end = end
    told.at = lambda when, action: clock.plans.append((when, action))
    told.said = lambda: capsys.readouterr().err.splitlines()
    return told


def test_logs_that_come_late_are_waited_for(cluster):
    cluster.at(1, lambda: cluster.end(1))
    cluster.at(50, lambda: cluster.end(2, 3))
    assert cluster.array.results() == {1: None, 2: "exit status 3 on node"}


def test_the_log_of_an_earlier_array_is_not_that_of_this_one(cluster):
    cluster.end(1, job="6")
    cluster.end(2)
    cluster.at(20, lambda: cluster.end(1, 5))
    assert cluster.array.results() == {1: "exit status 5 on node", 2: None}


@pytest.mark.parametrize(
    ("ended", "why"),
    [
        ("7_2|COMPLETED\n", "its log has no end, and SLURM says COMPLETED"),
        ("", "its log has no end, and SLURM does not know why"),
    ],
)
def test_a_log_without_an_end_is_given_up(cluster, ended, why):
    cluster.end(1)
    cluster.ended = ended
    assert cluster.array.results() == {1: None, 2: why}
    assert 60 <= cluster.clock.now < 70


@pytest.mark.parametrize(
    "said",
    [
        {"ended": "7_1|FAILED\n7_2|OUT_OF_MEMORY\n"},
        {"accounting": "7_1|FAILED\n7_2|OUT_OF_MEMORY\n"},  # squeue has forgotten it
    ],
)
def test_slurm_says_why_it_ended_a_job(cluster, said):
    vars(cluster).update(said)
    cluster.end(1, -11)
    cluster.end(2, -9)
    results = cluster.array.results()
    assert results[1] == "exit status -11 on node"
    assert results[2].startswith("SLURM says OUT_OF_MEMORY: ") and "--mem" in results[2]
    assert cluster.clock.now == 0


def test_a_job_that_did_its_work_has_not_failed_whatever_slurm_says(cluster):
    cluster.ended = "7_1|FAILED\n7_2|OUT_OF_MEMORY\n"
    cluster.end(1, 3)
    cluster.end(2)
    assert cluster.array.results() == {1: "exit status 3 on node", 2: None}


def test_a_job_without_a_log_is_given_up_at_once_if_slurm_ended_it(cluster):
    cluster.accounting = "7_1|TIMEOUT\n7_2|CANCELLED by 1000\n"
    results = cluster.array.results()
    assert results[1].startswith("SLURM says TIMEOUT: ") and "--time" in results[1]
    assert results[2] == "SLURM says CANCELLED: somebody cancelled it"
    assert cluster.clock.now == 0


def test_a_cancelled_array_is_not_waited_for_as_if_it_went_on(cluster):
    cluster.queue = [("COMPLETING", "None")]
    cluster.at(20, cluster.queue.clear)
    assert not cluster.array.find_earlier()
    assert 20 <= cluster.clock.now < 25


def test_an_array_that_slurm_starts_again_is_taken_over(cluster):
    cluster.queue = [("COMPLETING", "None")]
    cluster.at(20, lambda: cluster.queue.__setitem__(0, ("PENDING", "BeginTime")))
    assert cluster.array.find_earlier()


def test_an_array_that_is_never_cleared_away_is_taken_over(cluster):
    cluster.queue = [("COMPLETING", "None")]
    assert cluster.array.find_earlier()
    assert 600 <= cluster.clock.now < 610


def test_a_job_that_slurm_starts_again_is_waited_for(cluster):
    cluster.queue = [("COMPLETING", "None")]
    cluster.at(2, lambda: cluster.queue.__setitem__(0, ("PENDING", "BeginTime")))
    cluster.at(120, lambda: cluster.queue.__setitem__(0, ("RUNNING", "None")))
    cluster.at(400, cluster.queue.clear)
    cluster.array.wait()
    assert 400 <= cluster.clock.now < 440
    assert [line.split("7: ")[1] for line in cluster.said()] == [
        "jobs: 1 pending",
        "jobs: 1 running",
    ]


def test_nothing_is_given_up_while_slurm_does_not_answer(cluster):
    cluster.answers = False
    cluster.at(900, lambda: setattr(cluster, "answers", True))
    cluster.array.wait()
    assert 900 <= cluster.clock.now < 940
    (said,) = cluster.said()
    assert "does not answer (Unable to contact slurm controller)" in said


def test_slurm_is_asked_seldom(cluster):
    cluster.queue = [("RUNNING", "None")]
    cluster.at(2000, cluster.queue.clear)
    cluster.array.wait()
    assert cluster.questions < 2000 / 30 + 25


def test_what_jobs_wait_for_is_said_once_unless_it_is_ordinary(cluster):
    cluster.queue = [("PENDING", "Resources"), ("PENDING", "Priority")]
    stuck = ("PENDING", "InvalidAccount")
    cluster.at(100, lambda: cluster.queue.__setitem__(0, stuck))
    cluster.at(500, cluster.queue.clear)
    cluster.array.wait()
    said = [line for line in cluster.said() if "it waits for" in line]
    assert len(said) == 1 and "InvalidAccount" in said[0] and "'scancel 7'" in said[0]


def test_an_earlier_array_is_asked_for_until_slurm_answers(cluster):
    cluster.answers = False
    cluster.queue = [("PENDING", "Priority")]
    cluster.at(300, lambda: setattr(cluster, "answers", True))
    assert cluster.array.find_earlier()
    assert 300 <= cluster.clock.now < 340
    assert len(cluster.said()) == 2


def test_without_an_earlier_array_there_is_none(cluster):
    assert not cluster.array.find_earlier()


def test_an_earlier_array_that_slurm_is_silent_about_ends_the_call(cluster):
    cluster.answers = False
    with pytest.raises(SystemExit):
        cluster.array.find_earlier()
    assert 600 <= cluster.clock.now < 640
    last = cluster.said()[-1]
    assert "an earlier call may still write log.JOB. Nothing was submitted" in last
