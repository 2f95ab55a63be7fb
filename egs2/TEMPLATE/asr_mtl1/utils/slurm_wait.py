"""Wait for the jobs of an array, say how they are getting on, and why they failed."""

import sys
import time
from collections import Counter

import jobs
import slurm_folder
import slurm_queue

# Seconds
MOST_BETWEEN_LOOKS = 3  # for the jobs' own files
MOST_BETWEEN_QUESTIONS = 30  # to SLURM, which many may ask
BETWEEN_REPORTS = 30
BEFORE_STUCK = 3  # a reason that goes away at once is none
FOR_FILES = 60  # that a network file system may need to show a file
FOR_KILLED = 2  # until a job is killed for good, and not tried again
FOR_REASONS = 10  # until SLURM has noted how a job ended
FOR_ANSWER = 600  # until SLURM says how an earlier array is

# What jobs wait for in the normal course of things.
ORDINARY = {
    "BeginTime",
    "Cleaning",
    "JobArrayTaskLimit",
    "None",
    "Priority",
    "Prolog",
    "Resources",
}


def log(message):
    """Print a line as the recipe's scripts do."""
    print(time.strftime("%Y-%m-%dT%H:%M:%S"), f"(slurm.py) {message}", file=sys.stderr)


def still_runs(array):
    """Say whether any job of an array waits or runs; ask until SLURM answers.

    Without an answer it ends with an error: a second array could write over the first.

    Args:
        array: The array's id.
    """
    until, pause = time.time() + FOR_ANSWER, 1
    while True:
        states, error = slurm_queue.states(array)
        if not error:
            return any(not slurm_queue.is_over(state) for state, _ in states.values())
        if time.time() >= until:
            jobs.fail(
                f"SLURM has not said for {FOR_ANSWER // 60} minutes whether array "
                f"{array} of an earlier call still runs ({error}). Nothing was "
                f"submitted: try again when 'squeue --jobs {array}' answers"
            )
        if pause == 1:
            log(f"array {array} of an earlier call: SLURM does not answer ({error})")
        time.sleep(pause)
        pause = min(pause * 1.5, MOST_BETWEEN_QUESTIONS)


def _because(state):
    return f"SLURM says {state}: {slurm_queue.KILLED[state]}"


class Waiting:
    """What is known about the jobs of an array.

    Args:
        array: The array's id.
        numbers: The jobs' numbers.
        folder: Where they leave their exit status.
    """

    def __init__(self, array, numbers, folder):
        self.array = array
        self.numbers = list(numbers)
        self.folder = folder
        self.results = {}  # number -> None, or why it failed
        self.states = {}
        self.ended = {}  # number -> state, which SLURM may have forgotten since
        self.patience = 1  # seconds to the next question
        self.said = set()
        self.since = {}  # (what, number) -> when it was first seen so
        self.last_report = (time.time(), None)

    def wait(self):
        """Return number -> why the job failed, or ``None``, when all have ended."""
        pause, asked = 0.1, time.time()
        while True:
            self.collect()
            if len(self.results) == len(self.numbers):
                self.explain()
                return self.results
            if time.time() - asked >= self.patience:
                self.patience = min(self.patience * 1.5, MOST_BETWEEN_QUESTIONS)
                self.ask()
                asked = time.time()
            self.report()
            time.sleep(pause)
            pause = min(pause * 1.2, MOST_BETWEEN_LOOKS)

    def collect(self):
        """Read what the jobs have left."""
        for number, status in slurm_folder.read_statuses(self.folder).items():
            self.results[number] = f"exit status {status}" if status else None

    def explain(self):
        """Ask SLURM about commands that a signal ended: often, memory was short."""
        signalled = [n for n, why in self.results.items() if why and "status -" in why]
        until = time.time() + FOR_REASONS
        while signalled and time.time() < until:
            states, _ = slurm_queue.states(self.array)
            states = [(n, states.get(n, ("", ""))[0]) for n in signalled]
            for number, state in states:
                if state in slurm_queue.KILLED:
                    self.results[number] = _because(state)
            signalled = [n for n, s in states if s and not slurm_queue.is_over(s)]
            time.sleep(1)

    def ask(self):
        """Ask SLURM for the jobs that have left nothing: they may never do so."""
        self.states, error = slurm_queue.states(self.array)
        if error:
            self.say_once("error", f"SLURM does not answer ({error}); waiting")
            return
        for number in self.numbers:
            if number in self.results:
                continue
            state, reason = self.states.get(number, ("", ""))
            if state == "PENDING":
                self.notice_stuck(number, reason)
            elif not state or slurm_queue.is_over(state):
                self.notice_lost(number, state)
            else:
                self.since.pop(("lost", number), None)
                self.ended.pop(number, None)

    def notice_stuck(self, number, reason):
        """Say once what a job waits for, if that may never come."""
        if reason not in ORDINARY and self.lasts(reason, number) >= BEFORE_STUCK:
            self.say_once(
                reason,
                f"array {self.array}: SLURM says that it waits for: {reason}. If that "
                "lasts, no node has what the jobs ask for, or they may not have it: "
                f"'scancel {self.array}', then change conf/slurm.conf or the options",
            )

    def notice_lost(self, number, state):
        """Give up a job that has ended, if its file does not come after all."""
        if state:
            self.ended[number] = state
        state = self.ended.get(number)
        killed = state in slurm_queue.KILLED
        if self.lasts("lost", number) < (FOR_KILLED if killed else FOR_FILES):
            self.patience = min(self.patience, 2 * FOR_KILLED)
            return
        state = state or slurm_queue.last_state(self.array, number)
        if state in slurm_queue.KILLED:
            self.results[number] = _because(state)
        else:
            self.results[number] = (
                f"it left no exit status in {self.folder}, and SLURM "
                + (f"says {state}" if state else "does not know why")
            )

    def lasts(self, what, number):
        """Return for how long something has been so for a job."""
        return time.time() - self.since.setdefault((what, number), time.time())

    def say_once(self, key, message):
        """Log a message, unless it was logged before."""
        if key not in self.said:
            self.said.add(key)
            log(message)

    def report(self):
        """Log how many jobs are how far, now and then, when that has changed."""
        when, last = self.last_report
        if time.time() - when < BETWEEN_REPORTS:
            return
        line = f"{len(self.results)} of {len(self.numbers)} jobs have ended"
        counts = Counter(
            f"{state.lower()} ({reason})" if state == "PENDING" else state.lower()
            for number, (state, reason) in sorted(self.states.items())
            if number not in self.results and not slurm_queue.is_over(state)
        )
        line += "".join(f", {count} {what}" for what, count in counts.items())
        if line != last:
            log(f"array {self.array}: {line}")
        self.last_report = (time.time(), line)
