#!/usr/bin/env python3
"""Run jobs on this machine, with the calling convention of Kaldi's run.pl.

run.py [--gpu N] [--mem SIZE] [--num_threads N] [--max_jobs_run N] [--log LOG]
       [JOB=1:N] LOG CMD...

JOB, or another name of capitals, is replaced in LOG and CMD by the job's number. Each
job's output goes to its log, with the command, host, times and exit status around it;
while they run, stderr says how far they are, by their logs. When a job fails, the
others go on, the end of its log is shown and run.py ends with status 1. Ctrl-C, a kill
of run.py or a closed terminal ends all jobs with whatever they started; nohup keeps
them.

One job without a number leaves the log of an earlier run beside its own: train.1.log.
--log wins over LOG, which ESPnet's launcher would rename.
"""

import contextlib
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import jobs


class Runner:
    """Starts jobs in process groups of their own, so that each can be ended whole."""

    def __init__(self, progress):
        self.progress = progress
        self.running = set()
        self.stopped = False

    def run(self, log, command):
        """Run one job; return its exit status."""
        if self.stopped:
            return 1
        with open(log, "w", encoding="utf-8") as file:
            return jobs.run_logged(file, command, lambda words: self.wait(words, file))

    def wait(self, command, file):
        """Start a command and wait for its end; return its exit status."""
        process = subprocess.Popen(
            command,
            stdout=file,
            stderr=file,
            start_new_session=True,
            # Open files go along: a job that outlives its run keeps the run's lock.
            close_fds=False,
        )
        self.running.add(process)
        if self.stopped:
            self.end(process)
        status = process.wait()
        self.running.discard(process)
        return status

    def end(self, process, number=signal.SIGTERM):
        """Send a signal to a job and what it started."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)

    def stop(self, number, _frame):
        """End all jobs; called on a signal."""
        self.stopped = True
        self.progress.end()
        for process in list(self.running):
            self.end(process)
        deadline = time.time() + 5
        for process in list(self.running):
            try:
                process.wait(max(deadline - time.time(), 0))
            except subprocess.TimeoutExpired:
                self.end(process, signal.SIGKILL)
        sys.stderr.flush()
        os._exit(128 + number)


def main():
    """Run the jobs that the command line asks for."""
    call = jobs.parse(sys.argv[1:], __doc__)
    for name in call.options:
        if name not in jobs.RESOURCES + jobs.HANDLING:
            jobs.fail(f"unknown option --{name}")
    progress = jobs.Progress(call)
    runner = Runner(progress)
    jobs.on_end(runner.stop)
    call.prepare_logs()

    def run(number):
        status = runner.run(call.log_of(number), call.command_of(number))
        return call.log_of(number), f"exit status {status}" if status else None

    at_once = call.at_once or os.cpu_count() or 1
    with progress, ThreadPoolExecutor(min(at_once, len(call.jobs))) as pool:
        results = list(pool.map(run, call.jobs))
    jobs.check(results)


if __name__ == "__main__":
    main()
