#!/usr/bin/env python3
"""Run jobs on a SLURM cluster, with the calling convention of Kaldi's slurm.pl.

slurm.py [--gpu N] [--mem SIZE] [--num_threads N] [--num_nodes N] [--time T]
         [--name NAME] [--max_jobs_run N] [--config FILE] [--log LOG]
         [JOB=1:N] LOG CMD...

JOB, or another name of capitals, is replaced in LOG and CMD by the job's number. One
call is one job array, in the current directory and with the current PATH.
conf/slurm.conf (--config) says what the options mean to sbatch. Each job's output goes
to its log. When jobs fail, slurm.py says why and ends with status 1. Ctrl-C, a kill or
a closed terminal cancels the array; nohup keeps it. After a kill -9 the array runs on,
and the same call waits for it.

One job without a number keeps the log of an earlier run beside its own: train.1.log.
--log wins over LOG, which ESPnet's launcher would rename.

No state is kept here: SLURM knows which arrays run, and the logs say how jobs ended.
The status of 'sbatch --wait' is not used. It is 0 also for failed jobs that SLURM has
forgotten and for jobs that were cancelled while they were to start again, and after a
kill -9 nothing could wait for it.
"""

import hashlib
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections import Counter

import jobs
import slurm_conf

# What path.sh sets. It reaches the jobs whatever --export of the slurm.conf says.
EXPORTED = "PATH PYTHONPATH LD_LIBRARY_PATH LC_ALL PYTHONIOENCODING OMP_NUM_THREADS"
# Reasons to wait that go away by themselves.
ORDINARY = "BeginTime Cleaning JobArrayTaskLimit None Priority Prolog Resources"
# Why SLURM ended a job, by its state.
KILLED = {
    "CANCELLED": "somebody cancelled it",
    "NODE_FAIL": "its node failed",
    "OUT_OF_MEMORY": "it needed more than --mem of cmd.sh or conf/slurm.conf gives",
    "PREEMPTED": "a job of higher priority took its place",
    "TIMEOUT": "it needed more time than --time of cmd.sh or conf/slurm.conf gives",
}
# Seconds
LONGEST_PAUSE = 30  # between two questions to SLURM, which many may ask
FOR_ANSWER = 600  # until SLURM says whether an earlier array runs
FOR_LOGS = 60  # until a network file system shows the end of a log


def main():
    """Run the jobs that the command line asks for."""
    if sys.argv[1:2] == ["--in-job"]:
        sys.exit(run_job(jobs.parse(sys.argv[2:], __doc__)))
    call = jobs.parse(sys.argv[1:], __doc__)
    command = slurm_conf.sbatch_command(call)
    array = Array(call)
    jobs.on_end(array.cancel)
    if not array.find_earlier():
        array.submit(command)
    array.wait()
    jobs.check([(call.log_of(n), why) for n, why in array.results().items()])


def run_job(call):
    """Run one job of the array, on the node that SLURM chose; return its status."""
    number = int(os.environ["SLURM_ARRAY_TASK_ID"])
    place = place_of(os.environ["SLURM_ARRAY_JOB_ID"], number)
    command = call.command_of(number)
    status = jobs.run_logged(sys.stdout, command, subprocess.call, place)
    return status if status >= 0 else 128 - status


class Array:
    """The job array of a call.

    Its comment in SLURM names the log and the command by digests. That is how the next
    call finds the array if this one is killed.
    """

    def __init__(self, call):
        self.call = call
        self.progress = jobs.Progress(call)
        self.id = None
        self.log_mark = "log:" + digest(os.path.abspath(call.log))
        self.call_mark = "call:" + digest(str(call.numbers), *call.command)
        self.said = set()

    def find_earlier(self):
        """Take over the array that an earlier call with the same log left running.

        It is an error if that array has another command, or if SLURM does not answer:
        two arrays would overwrite each other's files. Jobs that have been cancelled, or
        have ended, and are being cleared away are waited for. Return whether there is
        an array.
        """
        until = time.time() + FOR_ANSWER
        while (tasks := self.ask()) is None or (
            tasks and all(state == "COMPLETING" for _, state, _, _ in tasks)
        ):
            if time.time() > until:
                if tasks:
                    break
                jobs.fail(
                    f"SLURM has not answered for {FOR_ANSWER // 60} minutes, and an "
                    f"array of an earlier call may still write {self.call.log}. "
                    "Nothing was submitted: try again when 'squeue' answers"
                )
            time.sleep(1)
        if not tasks:
            return False
        array, _, _, comment = tasks[0]
        if self.call_mark not in comment:
            jobs.fail(
                f"array {array} of an earlier call still writes {self.call.log}, with "
                f"another command: wait until it has ended, or 'scancel {array}'"
            )
        self.id = array
        self.say(f"array {array} of an earlier call does the same: waiting for it")
        return True

    def submit(self, command):
        """Submit the jobs."""
        self.call.prepare_logs()
        marks = f"--comment={self.log_mark} {self.call_mark}"
        # A signal waits until the array's id is known, or it could not be cancelled.
        signal.pthread_sigmask(signal.SIG_BLOCK, jobs.ENDING)
        done = run([*command, marks], batch_script())
        array = re.search(r"^(\d+)(;.*)?$", done.stdout, re.MULTILINE)
        if done.returncode != 0 or not array:
            why = (done.stderr.strip() or done.stdout.strip()).replace("\n", "; ")
            if "array" in why:
                why += (
                    f". The array has {len(self.call.jobs)} jobs; this cluster takes "
                    "numbers below MaxArraySize ('scontrol show config'): give fewer "
                    "jobs (--nj, --inference_nj, --attack_nj)"
                )
            jobs.fail(f"the jobs were not submitted by '{shlex.join(command)}': {why}")
        self.id = array[1]
        self.say(
            f"array {self.id}: submitted {len(self.call.jobs)} x '{self.call.log}'"
        )
        signal.pthread_sigmask(signal.SIG_UNBLOCK, jobs.ENDING)

    def cancel(self, number, _frame):
        """Cancel the array and end; called on a signal."""
        self.progress.end()
        if self.id:
            run(["scancel", self.id])
            self.say(f"array {self.id} is cancelled")
        sys.stderr.flush()
        os._exit(128 + number)

    def wait(self):
        """Wait until SLURM has no job of the array that waits or runs."""
        pause = 0.2
        with self.progress:
            while (tasks := self.ask()) != []:
                if pause > 2:  # short jobs need no report
                    self.report(tasks or [])
                time.sleep(pause)
                pause = min(1.3 * pause, LONGEST_PAUSE)

    def report(self, tasks):
        """Say how many jobs wait and run, and why some may wait for ever."""
        counts = Counter()
        for _, state, reason, _ in tasks:
            if state == "PENDING" and reason not in ORDINARY.split():
                self.say(
                    f"array {self.id}: SLURM says that it waits for: {reason}. If this "
                    "does not change, no node has what the jobs ask for, or you may "
                    f"not use it: 'scancel {self.id}', then change conf/slurm.conf or "
                    "the options"
                )
            elif state in ("PENDING", "RUNNING"):
                counts[state.lower()] += 1
        if counts:
            line = ", ".join(f"{n} {state}" for state, n in sorted(counts.items()))
            self.say(f"array {self.id}: jobs: {line}")

    def ask(self):
        """Ask SLURM for the array's jobs that wait or run.

        Return (array, state, reason to wait, comment) of each, ``None`` without an
        answer.
        """
        asked = squeue(f"--user={os.getuid()}", "--format=%F|%T|%r|%k")
        if asked.returncode != 0:
            self.say(f"SLURM does not answer ({asked.stderr.strip()}); waiting")
            return None
        tasks = [line.split("|", 3) for line in asked.stdout.split("\n") if line]
        return [task for task in tasks if self.log_mark in task[-1]]

    def results(self):
        """Return number -> why the job failed, or ``None``, of jobs that have ended."""
        results = {}
        until = time.time() + FOR_LOGS
        while True:
            codes = {
                number: self.exit_status(number)
                for number in self.call.jobs
                if number not in results
            }
            states = self.end_states() if any(c != 0 for c in codes.values()) else {}
            for number, code in codes.items():
                state = states.get(number)
                if code == 0:
                    results[number] = None
                elif state in KILLED:
                    results[number] = f"SLURM says {state}: {KILLED[state]}"
                elif code is not None:
                    results[number] = f"exit status {code} on {self.host(number)}"
                elif time.time() > until:
                    said = f"says {state}" if state else "does not know why"
                    results[number] = f"its log has no end, and SLURM {said}"
            if len(results) == len(self.call.jobs):
                return dict(sorted(results.items()))
            time.sleep(1)

    def exit_status(self, number):
        """Return what the end of a job's log says; ``None`` while it is not there."""
        try:
            with open(self.call.log_of(number), "rb") as file:
                log = file.read()
        except FileNotFoundError:
            return None
        # Without this head it is still the log of an earlier array.
        _, _, own = log.partition(f"{place_of(self.id, number)}\n".encode())
        ends = re.findall(rb"^# Ended \(code (-?\d+)\)", own, re.MULTILINE)
        return int(ends[-1]) if ends else None

    def host(self, number):
        """Return the node that wrote a job's log."""
        with open(self.call.log_of(number), encoding="utf-8", errors="replace") as file:
            hosts = re.findall(r"^# Running on (\S+), SLURM job", file.read(), re.M)
        return hosts[-1] if hosts else "an unknown node"

    def end_states(self):
        """Return number -> state, as far as SLURM or its accounting still knows it."""
        jobs_of_it = f"--jobs={self.id}"
        sacct = ["sacct", "--allocations", "--noheader", "--parsable2", jobs_of_it]
        said = run([*sacct, "--format=JobID,State"]).stdout
        said += squeue(jobs_of_it, "--states=all", "--format=%F_%K|%T").stdout
        states = re.findall(r"_(\d+)\|([A-Z_]+)", said)
        return {int(number): state for number, state in states}

    def say(self, message):
        """Log a message once, as the recipe's scripts do."""
        if message not in self.said:
            self.said.add(message)
            self.progress.say(message)


def squeue(*options):
    """Ask SLURM about jobs, each of an array on its own line."""
    return run(["squeue", "--noheader", "--array", *options])


def run(command, text=None):
    """Run a command of SLURM; one that is not there fails like any other."""
    # SLURM_* may be about a job that this runs in, SQUEUE_* would change the answers.
    env = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("SLURM_", "SQUEUE_")) or name == "SLURM_CONF"
    }
    try:
        return subprocess.run(
            command, input=text, capture_output=True, text=True, env=env
        )
    except OSError as error:
        why = f"{command[0]}: {error.strerror}. Is this a machine of the cluster?"
        return subprocess.CompletedProcess(command, 127, "", why)


def batch_script():
    """Return the script of each job: this file again, with the same arguments."""
    own = [sys.executable, os.path.abspath(__file__), "--in-job", *sys.argv[1:]]
    exports = [
        f"export {name}={shlex.quote(os.environ[name])}"
        for name in EXPORTED.split()
        if name in os.environ
    ]
    return "\n".join(["#!/usr/bin/env bash", *exports, f"exec {shlex.join(own)}", ""])


def place_of(array, number):
    """Return what the head of a log says about the job that writes it."""
    return f", SLURM job {array}_{number}"


def digest(*words):
    """Return a short digest of words."""
    text = shlex.join(words).encode("utf-8", "surrogateescape")
    return hashlib.sha256(text).hexdigest()[:12]


if __name__ == "__main__":
    main()
