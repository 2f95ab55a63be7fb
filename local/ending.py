"""Ending a study: everything that it has started ends with it."""

import contextlib
import logging
import signal
import sys
import threading
import time

import psutil

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_GRACE_SECONDS = 8.0
_once = threading.Lock()
received: list[int] = []  # the signals that end this study


def install() -> None:
    """Let Ctrl-C and the like end all that runs, then this process."""
    for number in _SIGNALS:
        # Under nohup, the end of the terminal is not the end of the study.
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, _end_on)


def _end_on(number: int, _frame: object) -> None:
    for other in _SIGNALS:
        signal.signal(other, signal.SIG_IGN)
    received.append(number)
    if sys.stderr.isatty():  # leave the line of the progress
        sys.stderr.write("\n")
    logging.info("Stopping ...")
    end_children()
    raise SystemExit(128 + number)


def end_children() -> None:
    """End all processes below this one; does nothing when called again.

    They are asked first (SIGTERM), so that a job runner can pass it on and a writer can
    finish its line. What is still there after a while is killed. A job runner puts its
    jobs into process groups of their own: a signal to one group would not do.
    """
    if not _once.acquire(blocking=False):
        return
    # Looked up before any ends: what has lost its parent is not found afterwards.
    processes = psutil.Process().children(recursive=True)
    for number in (signal.SIGTERM, signal.SIGKILL):
        for process in filter(_is_alive, processes):
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(number)
        end = time.monotonic() + _GRACE_SECONDS
        while any(map(_is_alive, processes)) and time.monotonic() < end:
            time.sleep(0.05)


def _is_alive(process: psutil.Process) -> bool:
    # Not Process.wait(): it would take the exit status that the engine waits for.
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
