"""What run.py and slurm.py share: how they are called, their logs, their failures."""

import os
import re
import shlex
import socket
import sys
import time
from dataclasses import dataclass

# What jobs ask of a cluster; run.py takes and forgets it.
RESOURCES = ("gpu", "mem", "num_threads", "num_nodes", "time", "name")
# What is for the command that runs them.
HANDLING = ("max_jobs_run", "config")
TAIL_LINES = 20


def fail(message):
    """End with a message."""
    print(f"{os.path.basename(sys.argv[0])}: Error: {message}", file=sys.stderr)
    sys.exit(1)


@dataclass(frozen=True)
class Call:
    """One call: jobs that differ by their number alone.

    Attributes:
        options: Option without its dashes -> value.
        numbers: The jobs' numbers; ``None`` for one job without a number.
        log: Log file; JOB stands for the number.
        command: Words of the command; JOB stands for the number.
    """

    options: dict
    numbers: range | None
    log: str
    command: list

    @property
    def at_once(self):
        """The most jobs to run side by side; ``None`` when nobody said."""
        value = self.options.get("max_jobs_run")
        if value is not None and not re.fullmatch("[1-9][0-9]*", value):
            fail(f"--max_jobs_run takes a number above 0, not '{value}'")
        return value and int(value)

    def log_of(self, number):
        """Return the log file of a job."""
        return _numbered(self.log, number)

    def command_of(self, number):
        """Return the words of a job's command."""
        return [_numbered(word, number) for word in self.command]


def _numbered(text, number):
    return text if number is None else text.replace("JOB", str(number))


def parse(arguments, usage):
    """Read a command line.

    Args:
        arguments: Its words, without the program.
        usage: What to show when there is no log or command.

    Returns:
        The call.
    """
    options, numbers, rest = {}, None, list(arguments)
    while rest:
        if rest[0].startswith("--"):
            if len(rest) < 2:
                fail(f"{rest[0]} needs a value")
            options[rest[0][2:].replace("-", "_")] = rest[1]
            rest = rest[2:]
        elif match := re.fullmatch(r"JOB=(\d+)(?::(\d+))?", rest[0]):
            first, last = int(match[1]), int(match[2] or match[1])
            numbers = range(first, last + 1)
            rest = rest[1:]
        else:
            break
    if len(rest) < 2:
        fail("give a log file and a command\n" + usage)
    if numbers is not None and not numbers:
        fail("the range of JOB is empty")
    if numbers is not None and len(numbers) > 1 and "JOB" not in rest[0]:
        fail(f"{rest[0]}: several jobs need JOB in the log's name")
    return Call(options, numbers, rest[0], rest[1:])


def write_head(file, command, place=""):
    """Begin a job's log.

    Args:
        file: The open log.
        command: Words of the command.
        place: What to say about where it runs, beside the host.
    """
    file.write(f"# {shlex.join(command)}\n")
    file.write(f"# Running on {socket.gethostname()}{place}\n")
    file.write(f"# Started at {time.strftime('%Y-%m-%dT%H:%M:%S')}\n")
    file.flush()


def write_end(file, seconds, status):
    """End a job's log.

    Args:
        file: The open log.
        seconds: How long the command took.
        status: Its exit status.
    """
    file.write(f"# Accounting: time={seconds:.0f} threads=1\n")
    file.write(f"# Ended (code {status}) at ")
    file.write(time.strftime("%Y-%m-%dT%H:%M:%S") + "\n")
    file.flush()


def check(results):
    """Show the end of the first failed job's log, and fail, if any job failed.

    Args:
        results: For each job, its log and why it failed; ``None`` if it did not.
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
