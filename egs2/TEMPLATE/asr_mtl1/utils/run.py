#!/usr/bin/env python3
"""Run jobs on this machine, with the calling convention of Kaldi's run.pl.

run.py [--gpu N] [--mem SIZE] [--num_threads N] [--max_jobs_run N] [JOB=1:N] LOG CMD...

JOB in LOG and CMD is replaced by the job's number. Each job's output goes to its log,
with the command, host, times and exit status around it. When a job fails, the others go
on, the end of its log is shown and run.py ends with status 1. Ctrl-C or a kill of it
ends all jobs with whatever they started.
"""

import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

# What the options ask of a cluster; here they say nothing, but each takes a value.
IGNORED = ("gpu", "mem", "num_threads", "num-threads", "name", "num_nodes", "config")
TAIL_LINES = 20


def parse(arguments):
    """Return (most jobs at once, range of job numbers or None, log, command)."""
    at_once, jobs = os.cpu_count() or 1, None
    rest = list(arguments)
    while rest:
        if rest[0].startswith("--"):
            name = rest[0][2:]
            if len(rest) < 2:
                fail(f"{rest[0]} needs a value")
            if name in ("max_jobs_run", "max-jobs-run"):
                at_once = int(rest[1])
            elif name not in IGNORED:
                fail(f"unknown option {rest[0]}")
            rest = rest[2:]
        elif match := re.fullmatch(r"JOB=(\d+)(?::(\d+))?", rest[0]):
            first, last = int(match[1]), int(match[2] or match[1])
            jobs = range(first, last + 1)
            rest = rest[1:]
        else:
            break
    if len(rest) < 2:
        fail("give a log file and a command\n" + __doc__)
    if jobs is not None and not jobs:
        fail("the range of JOB is empty")
    if jobs is not None and len(jobs) > 1 and "JOB" not in rest[0]:
        fail(f"{rest[0]}: several jobs need JOB in the log's name")
    return at_once, jobs, rest[0], rest[1:]


def fail(message):
    """End with a message."""
    print(f"run.py: Error: {message}", file=sys.stderr)
    sys.exit(1)


class Runner:
    """Starts jobs in process groups of their own, so that each can be ended whole."""

    def __init__(self):
        self.running = set()
        self.stopped = False

    def run(self, log, command):
        """Run one job; return its exit status."""
        if self.stopped:
            return 1
        os.makedirs(os.path.dirname(log) or ".", exist_ok=True)
        with open(log, "w", encoding="utf-8") as file:
            started = time.time()
            file.write(f"# {shlex.join(command)}\n")
            file.write(f"# Running on {socket.gethostname()}\n")
            file.write(f"# Started at {time.strftime('%Y-%m-%dT%H:%M:%S')}\n")
            file.flush()
            try:
                # Open files go along: a job that outlives its run keeps the run's lock.
                process = subprocess.Popen(
                    command,
                    stdout=file,
                    stderr=file,
                    start_new_session=True,
                    close_fds=False,
                )
            except OSError as error:
                file.write(f"# {error}\n")
                return 127
            self.running.add(process)
            if self.stopped:
                self.end(process)
            status = process.wait()
            self.running.discard(process)
            file.seek(0, os.SEEK_END)
            file.write(f"# Accounting: time={time.time() - started:.0f} threads=1\n")
            file.write(f"# Ended (code {status}) at ")
            file.write(time.strftime("%Y-%m-%dT%H:%M:%S") + "\n")
        return status

    def end(self, process):
        """End a job and what it started."""
        try:
            os.killpg(process.pid, signal.SIGTERM)
        except ProcessLookupError:
            pass

    def stop(self, number, _frame):
        """End all jobs; called on Ctrl-C and kill."""
        self.stopped = True
        for process in list(self.running):
            self.end(process)
        deadline = time.time() + 5
        for process in list(self.running):
            while process.poll() is None and time.time() < deadline:
                time.sleep(0.05)
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
        sys.stderr.flush()
        os._exit(128 + number)


def main():
    """Run the jobs that the command line asks for."""
    at_once, jobs, log, command = parse(sys.argv[1:])
    runner = Runner()
    signal.signal(signal.SIGINT, runner.stop)
    signal.signal(signal.SIGTERM, runner.stop)

    def run(number):
        name = log if number is None else log.replace("JOB", str(number))
        words = command
        if number is not None:
            words = [word.replace("JOB", str(number)) for word in command]
        return name, runner.run(name, words)

    numbers = [None] if jobs is None else list(jobs)
    with ThreadPoolExecutor(min(at_once, len(numbers))) as pool:
        results = list(pool.map(run, numbers))
    failed = [(name, status) for name, status in results if status != 0]
    if failed:
        name, status = failed[0]
        with open(name, encoding="utf-8", errors="replace") as file:
            tail = file.readlines()[-TAIL_LINES:]
        sys.stderr.write("".join(tail))
        fail(
            f"{len(failed)} of {len(results)} jobs failed (exit status {status}); the "
            f"end of {name} is shown above"
        )


if __name__ == "__main__":
    main()
