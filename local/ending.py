"""Ending a study: everything that it has started ends with it."""

import logging
import signal
import threading
import time

import psutil

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_GRACE = 8.0
_once = threading.Lock()
#: The signal that ended the study, if one did.
signals_received: list[int] = []


def install() -> None:
    """Let Ctrl-C and the like end all that runs, then this process."""
    for number in SIGNALS:
        # Under nohup, the end of the terminal is not the end of the study.
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, _end_on)


def _end_on(number: int, _frame: object) -> None:
    for other in SIGNALS:
        signal.signal(other, signal.SIG_IGN)
    signals_received.append(number)
    logging.info("Stopping")
    end_children()
    raise SystemExit(128 + number)


def end_children() -> None:
    """End all processes below this one; called again, do nothing.

    They are asked first (SIGTERM), so that a job runner can pass it on and a writer can
    finish its line. What is still there after the grace is killed. A job runner puts
    its jobs into process groups of their own, so that no signal to a group would do.
    """
    if not _once.acquire(blocking=False):
        return
    # Found before any ends: what has lost its parent cannot be found afterwards.
    processes = psutil.Process().children(recursive=True)
    _send(processes, signal.SIGTERM)
    end = time.monotonic() + _GRACE
    while time.monotonic() < end and any(_runs(process) for process in processes):
        time.sleep(0.05)
    _send([process for process in processes if _runs(process)], signal.SIGKILL)


def _send(processes: list[psutil.Process], number: int) -> None:
    for process in processes:
        try:
            process.send_signal(number)
        except psutil.NoSuchProcess:
            continue


def _runs(process: psutil.Process) -> bool:
    # Not Process.wait(): the engine waits for its children, and wants their status.
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
