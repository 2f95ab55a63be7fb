"""What run.py and slurm.py share: command lines, signals, logs, failures."""

import os
import re
import shlex
import signal
import socket
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from keep_log import keep_log

# The checkout: runners are also called without path.sh, as Kaldi's are.
sys.path.append(str(Path(__file__).resolve().parents[4]))
from espnet_mtl.job_progress import Line, Watch, duration

# Options that ask a cluster for something; run.py ignores them.
RESOURCES = ("gpu", "mem", "num_threads", "num_nodes", "time", "name")
# Options for run.py or slurm.py itself.
HANDLING = ("max_jobs_run", "config")
TAIL_LINES = 20
# A closed terminal sends SIGHUP.
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# Seconds between two looks at the logs.
LOOK_EVERY = 1.0


def fail(message):
    """End with a message."""
    print(f"{os.path.basename(sys.argv[0])}: Error: {message}", file=sys.stderr)
    sys.exit(1)


@dataclass(frozen=True)
class Call:
    """One call: jobs that differ only in their number.

    Attributes:
        options: Name of an option, without dashes -> value.
        numbers: The jobs' numbers; ``None`` for one job without a number.
        log: Log file, with ``variable`` in place of the number, as in the command's
            words.
        variable: ``JOB``, or another name that was given with the numbers.
    """

    options: dict
    numbers: range | None
    log: str
    command: list
    variable: str

    @property
    def at_once(self):
        """The most jobs to run side by side; ``None`` for no limit."""
        value = self.options.get("max_jobs_run")
        if value is not None and not re.fullmatch("[1-9][0-9]*", value):
            fail(f"--max_jobs_run takes a number above 0, not '{value}'")
        return value and int(value)

    @property
    def jobs(self):
        """The jobs' numbers; 1 for a single job without a number."""
        return self.numbers or range(1, 2)

    def log_of(self, number):
        """Return the log file of a job."""
        return self.numbered(self.log, number)

    def command_of(self, number):
        """Return the words of a job's command."""
        return [self.numbered(word, number) for word in self.command]

    def numbered(self, text, number):
        """Return a text with the number in place of the variable, if there is one."""
        if self.numbers is None:
            return text
        return text.replace(self.variable, str(number))

    def prepare_logs(self):
        """Make the logs' directories; keep the earlier log of a single job."""
        for number in self.jobs:
            os.makedirs(os.path.dirname(self.log_of(number)) or ".", exist_ok=True)
        if self.numbers is None:
            keep_log(self.log)


class Progress:
    """Says how far the jobs of a call are while it is open, and each epoch's results.

    On a terminal one line is rewritten; elsewhere a line comes after some time, then
    ever more rarely.
    """

    def __init__(self, call):
        self.name = os.path.basename(os.path.realpath(sys.argv[0]))
        self.logs = [Path(call.log_of(number)) for number in call.jobs]
        self.watch = Watch(len(self.logs))
        self.epochs = set()
        self.line = Line(interval=30, wait=20, longest=600)
        self.ending = False
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.keep_looking, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.end()

    def end(self):
        """Look no more, and leave no line behind; also on a signal."""
        # A signal may come in the middle of this. It must not wait for a lock that
        # whoever it interrupts has: nobody would ever give it back.
        if not self.ending:
            self.ending = True
            self.over.set()
            if self.thread.is_alive():
                self.thread.join()
        self.line.clear()

    def keep_looking(self):
        """Look at the logs again and again."""
        while not self.over.wait(LOOK_EVERY):
            self.show(self.look())
        self.look()

    def look(self):
        """Look at the logs, say how epochs went, and return how far the jobs are."""
        how_far = self.watch.look(self.logs) or "started"
        for epoch, went in self.watch.epochs.items():
            if epoch not in self.epochs:
                self.epochs.add(epoch)
                self.say(f"epoch {epoch}: {went}")
        return how_far

    def show(self, how_far):
        """Show the line."""
        so_far = f"{duration(time.time() - self.watch.start)} so far"
        left = self.watch.seconds_left
        rest = "" if left is None else f", about {duration(left)} left"
        self.line.show(f"{now()} ({self.name}) {how_far} | {so_far}{rest}")

    def say(self, message):
        """Log a message, as the recipe's scripts do."""
        self.line.say(f"{now()} ({self.name}) {message}")


def on_end(handle):
    """Have a function called on Ctrl-C, a kill, or a closed terminal.

    Signals that are ignored stay ignored: that is how nohup works.
    """
    for number in ENDING:
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, handle)


def parse(arguments, usage):
    """Read a command line, without the program, as a call.

    ``usage`` is shown when there is no log or command.
    """
    options, numbers, variable, rest = {}, None, "JOB", list(arguments)
    while rest:
        if rest[0].startswith("--"):
            if len(rest) < 2:
                fail(f"{rest[0]} needs a value")
            options[rest[0][2:].replace("-", "_")] = rest[1]
            rest = rest[2:]
        elif match := re.fullmatch(r"([A-Z_]+)=(\d+)(?::(\d+))?", rest[0]):
            variable = match[1]
            numbers = range(int(match[2]), int(match[3] or match[2]) + 1)
            if not numbers:
                fail(f"the range of {variable} is empty")
            rest = rest[1:]
        else:
            break
    if len(rest) < 2:
        fail("give a log file and a command\n" + usage)
    log = options.pop("log", rest[0])
    if numbers and len(numbers) > 1 and variable not in log:
        fail(f"{log}: several jobs need {variable} in the log's name")
    return Call(options, numbers, log, rest[1:], variable)


def run_logged(file, command, run, place=""):
    """Run a job, with the command, host, times and exit status around its output.

    Args:
        file: The open log, to which the job writes as well.
        run: Runs the command's words; returns the exit status.
        place: What to say about where it runs, beside the host.

    Returns:
        The exit status; 127 where the command cannot be started.
    """
    file.write(f"# {shlex.join(command)}\n")
    file.write(f"# Running on {socket.gethostname()}{place}\n")
    file.write(f"# Started at {now()}\n")
    file.flush()
    started = time.time()
    try:
        status = run(command)
    except OSError as error:
        file.write(f"# {error}\n")
        status = 127
    file.write(f"# Accounting: time={time.time() - started:.0f} threads=1\n")
    file.write(f"# Ended (code {status}) at {now()}\n")
    file.flush()
    return status


def now():
    """Return the local time as logs have it."""
    return time.strftime("%Y-%m-%dT%H:%M:%S")


def check(results):
    """Show the end of the first failed job's log, and fail, if any job failed.

    A result is a job's log and why it failed; ``None`` if it did not.
    """
    failed = [(log, why) for log, why in results if why is not None]
    if not failed:
        return
    log, why = failed[0]
    try:
        with open(log, encoding="utf-8", errors="replace") as file:
            sys.stderr.write("".join(file.readlines()[-TAIL_LINES:]))
        shown = f"the end of {log} is shown above"
    except FileNotFoundError:
        shown = f"{log} was never written"
    fail(f"{len(failed)} of {len(results)} jobs failed ({why}); {shown}")
