"""Ending a process tree, and measuring it."""

import os
import subprocess
import time
from pathlib import Path

import processes
import pytest

needs_proc = pytest.mark.skipif(
    not Path("/proc/self/smaps_rollup").exists(), reason="needs Linux's /proc"
)
# A stage that ignores the polite signal, with a job in a session of its own.
STUBBORN = "trap '' TERM; setsid sleep 60 & echo $! > {file}; wait; sleep 60"


def start(command: str) -> subprocess.Popen:
    return subprocess.Popen(["bash", "-c", command], start_new_session=True)


def wait_for(path: Path) -> int:
    for _ in range(200):
        if path.exists() and path.read_text().strip():
            return int(path.read_text())
        time.sleep(0.02)
    raise AssertionError(f"{path} was not written")


def ended(pid: int) -> bool:
    for _ in range(100):
        try:
            if Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1][0] == "Z":
                return True
        except FileNotFoundError:
            return True
        time.sleep(0.02)
    return False


@needs_proc
def test_stop_reaches_jobs_in_other_sessions_that_do_not_listen(tmp_path: Path) -> None:
    child = start(STUBBORN.format(file=tmp_path / "pid"))
    job = wait_for(tmp_path / "pid")
    assert job in processes.descendants([child.pid])
    processes.stop([child], grace=0.3)
    assert child.returncode is not None
    assert ended(job)


def test_stop_is_quick_with_those_who_listen() -> None:
    child = start("sleep 60")
    began = time.monotonic()
    processes.stop([child], grace=30.0)
    assert time.monotonic() - began < 5.0
    assert child.returncode is not None


def test_stop_lets_a_child_finish_its_last_words(tmp_path: Path) -> None:
    file = tmp_path / "words"
    ready = tmp_path / "pid"
    child = start(
        f"trap 'sleep 0.2; echo bye > {file}; exit 1' TERM; echo $$ > {ready}; "
        "while :; do sleep 0.05; done"
    )
    wait_for(ready)
    processes.stop([child], grace=10.0)
    assert file.read_text() == "bye\n"


@needs_proc
def test_memory_of_this_process_is_counted() -> None:
    assert processes.memory_mib([os.getpid()]) > 1.0
    assert processes.memory_mib([]) == 0.0
