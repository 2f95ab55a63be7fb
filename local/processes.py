"""Process trees: what a step started, how much memory it holds, and ending all of it.

A stage is a shell script that starts job runners that start Python. Each job runner
puts its jobs into process groups of their own, so one signal to one group does not
reach everything. Linux shows the tree in ``/proc``; where there is none, only the
process groups themselves can be ended and memory is not sampled.
"""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterable
from pathlib import Path

_PROC = Path("/proc")


def _parents() -> dict[int, tuple[int, str]]:
    """All processes: pid -> (pid of the parent, start time in ticks)."""
    table = {}
    for entry in _PROC.glob("[0-9]*"):
        try:
            text = (entry / "stat").read_text()
        except OSError:  # ended meanwhile
            continue
        # The command name, in parentheses, may itself hold spaces and parentheses.
        fields = text[text.rindex(")") + 2 :].split()
        table[int(entry.name)] = (int(fields[1]), fields[19])
    return table


def descendants(roots: Iterable[int]) -> dict[int, str]:
    """Find some processes and all that they started.

    Args:
        roots: Process ids.

    Returns:
        pid -> start time in ticks; together they identify a process for good.
    """
    table = _parents()
    children: dict[int, list[int]] = {}
    for pid, (parent, _) in table.items():
        children.setdefault(parent, []).append(pid)
    found: dict[int, str] = {}
    queue = [pid for pid in roots if pid in table]
    while queue:
        pid = queue.pop()
        found[pid] = table[pid][1]
        queue += children.get(pid, [])
    return found


def memory_mib(pids: Iterable[int]) -> float:
    """Sum the memory of some processes, counting shared pages once (PSS), in MiB."""
    total_kib = 0
    for pid in pids:
        try:
            rollup = (_PROC / str(pid) / "smaps_rollup").read_text()
        except OSError:
            continue
        for line in rollup.splitlines():
            if line.startswith("Pss:"):
                total_kib += int(line.split()[1])
                break
    return total_kib / 1024


def _alive(processes: dict[int, str]) -> list[int]:
    table = _parents()
    return [
        pid
        for pid, start in processes.items()
        if pid in table and table[pid][1] == start and not _is_zombie(pid)
    ]


def _is_zombie(pid: int) -> bool:
    try:
        text = (_PROC / str(pid) / "stat").read_text()
    except OSError:
        return True
    return text[text.rindex(")") + 2] == "Z"


def stop(children: Iterable[subprocess.Popen], grace: float = 8.0) -> None:
    """End some child processes with everything they started.

    They are asked first (SIGTERM), so that a runner can pass it on and a writer can
    finish its line; then whatever they left behind is asked; what is still there after
    the grace is killed.

    Args:
        children: Processes started with ``start_new_session=True``.
        grace: Seconds between asking and killing.
    """
    children = [child for child in children if child.poll() is None]
    tree = descendants(child.pid for child in children)
    for child in children:
        _send(os.killpg, child.pid, signal.SIGTERM)
    end = time.monotonic() + grace
    orphans_asked = False
    while time.monotonic() < end:
        if all([child.poll() is not None for child in children]):
            left = _alive(tree)
            if not left:
                return
            if not orphans_asked:
                orphans_asked = True
                for pid in left:
                    _send(os.kill, pid, signal.SIGTERM)
        time.sleep(0.05)
    for child in children:
        _send(os.killpg, child.pid, signal.SIGKILL)
    for pid in _alive(tree):
        _send(os.kill, pid, signal.SIGKILL)
    for child in children:
        child.wait()


def _send(how: Callable[[int, int], None], target: int, number: int) -> None:
    try:
        how(target, number)
    except ProcessLookupError:
        return
