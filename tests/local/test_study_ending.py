"""Ending a process tree."""

import subprocess
import sys
import threading
import time
from pathlib import Path

import ending
import psutil
import pytest

# A stage that ignores the polite signal, with a job in a session of its own.
STUBBORN = "trap '' TERM; setsid sleep 60 & echo $! > {file}; wait; sleep 60"


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ending, "_once", threading.Lock())
    monkeypatch.setattr(ending, "_GRACE_SECONDS", 5.0)


def start(command: str) -> subprocess.Popen:
    return subprocess.Popen(["bash", "-c", command], start_new_session=True)


def wait_for(path: Path) -> int:
    for _ in range(200):
        if path.exists() and path.read_text().strip():
            return int(path.read_text())
        time.sleep(0.02)
    raise AssertionError(f"{path} was not written")


def test_jobs_in_other_sessions_that_do_not_listen_end_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ending, "_GRACE_SECONDS", 0.3)
    child = start(STUBBORN.format(file=tmp_path / "pid"))
    job = wait_for(tmp_path / "pid")
    ending.end_children()
    assert child.wait(timeout=5) != 0
    assert not psutil.pid_exists(job) or not ending._is_alive(psutil.Process(job))


def test_those_who_listen_end_at_once_and_may_say_their_last_words(
    tmp_path: Path,
) -> None:
    words, ready = tmp_path / "words", tmp_path / "pid"
    child = start(
        f"trap 'sleep 0.2; echo bye > {words}; exit 1' TERM; echo $$ > {ready}; "
        "while :; do sleep 0.05; done"
    )
    wait_for(ready)
    began = time.monotonic()
    ending.end_children()
    assert time.monotonic() - began < 4.0
    assert words.read_text() == "bye\n"
    assert child.wait(timeout=5) == 1


def test_nohup_is_respected() -> None:
    code = "import ending, signal; ending.install(); print(signal.getsignal(1).name)"
    command = ["nohup", sys.executable, "-c", code]
    folder = Path(ending.__file__).parent
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert done.stdout == "SIG_IGN\n"
