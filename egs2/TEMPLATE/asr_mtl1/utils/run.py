#!/usr/bin/env python3
"""Run jobs on this machine, with the calling convention of Kaldi's run.pl.

run.py [--gpu N] [--mem SIZE] [--num_threads N] [--max_jobs_run N] [JOB=1:N] LOG CMD...

JOB in LOG and CMD is replaced by the job's number. Each job's output goes to its log,
with the command, host, times and exit status around it. When a job fails, the others go
on, the end of its log is shown and run.py ends with status 1. Ctrl-C or a kill of it
ends all jobs with whatever they started.
"""

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import jobs


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
            jobs.write_head(file, command)
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
            jobs.write_end(file, time.time() - started, status)
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
    call = jobs.parse(sys.argv[1:], __doc__)
    for name in call.options:
        if name not in jobs.RESOURCES + jobs.HANDLING:
            jobs.fail(f"unknown option --{name}")
    runner = Runner()
    signal.signal(signal.SIGINT, runner.stop)
    signal.signal(signal.SIGTERM, runner.stop)

    def run(number):
        status = runner.run(call.log_of(number), call.command_of(number))
        return call.log_of(number), f"exit status {status}" if status else None

    numbers = [None] if call.numbers is None else list(call.numbers)
    at_once = call.at_once or os.cpu_count() or 1
    with ThreadPoolExecutor(min(at_once, len(numbers))) as pool:
        jobs.check(list(pool.map(run, numbers)))


if __name__ == "__main__":
    main()
