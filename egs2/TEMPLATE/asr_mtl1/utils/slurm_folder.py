"""What slurm.py and its jobs tell each other, by files that all nodes see.

A call has a folder below .slurm/ of the recipe: with the call, the id of its array, and
the exit status of each job that has ended. Its name begins with what the log's name
gives, so that the next call finds it, and is never used twice, so that no node takes an
earlier folder for it.
"""

import glob
import hashlib
import json
import os
import shutil
import tempfile

import jobs

_PARENT = ".slurm"


def name_of(call):
    """Return a short name for the jobs of a call."""
    name = os.path.basename(call.log).replace("JOB", "").strip(".")
    return name.removesuffix(".log").strip(".")[:80] or "job"


def begin(call):
    """Make a folder for a call, in place of those of earlier ones with the same log."""
    for folder in of_earlier(call):
        shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(_PARENT, exist_ok=True)
    folder = tempfile.mkdtemp(prefix=_prefix(call), dir=_PARENT)
    numbers = call.numbers and [call.numbers[0], call.numbers[-1]]
    _write(folder, "call", json.dumps([numbers, call.log, call.command]))
    return folder


def of_earlier(call):
    """Return the folders of calls with the same log that did not come to their end."""
    return glob.glob(os.path.join(_PARENT, glob.escape(_prefix(call)) + "*"))


def _prefix(call):
    mark = hashlib.sha256(call.log.encode("utf-8", "surrogateescape")).hexdigest()
    return f"{name_of(call)}-{mark[:12]}-"


def read_call(folder):
    """Return the call that a folder is for, without its options."""
    with open(os.path.join(folder, "call"), encoding="utf-8") as file:
        numbers, log, command = json.load(file)
    return jobs.Call({}, numbers and range(numbers[0], numbers[1] + 1), log, command)


def write_array(folder, array):
    """Keep the id of the call's array."""
    _write(folder, "array", array)


def read_array(folder):
    """Return the id of the call's array; ``None`` before there is one."""
    try:
        with open(os.path.join(folder, "array"), encoding="utf-8") as file:
            return file.read()
    except FileNotFoundError:
        return None


def write_status(folder, number, status):
    """Keep a job's exit status."""
    _write(folder, f"status.{number}", str(status))


def read_statuses(folder):
    """Return number -> exit status of the jobs that have ended, as far as it is seen.

    The folder is listed anew each time: a network file system may not say that a file
    has come when it is asked for that file alone.
    """
    found = {}
    try:
        for name in os.listdir(folder):
            if name.startswith("status."):
                with open(os.path.join(folder, name), encoding="utf-8") as file:
                    found[int(name.removeprefix("status."))] = int(file.read())
    except (OSError, ValueError):
        pass  # on its way; or gone, and then SLURM is asked
    return found


def remove(folder):
    """Remove a folder, and the one that holds those of all calls when it is empty."""
    shutil.rmtree(folder, ignore_errors=True)
    try:
        os.rmdir(_PARENT)
    except OSError:
        pass  # other calls have theirs there


def _write(folder, name, text):
    """Write a file that is seen whole or not at all."""
    path = os.path.join(folder, name)
    new = os.path.join(folder, f".{name}.new")
    with open(new, "w", encoding="utf-8") as file:
        file.write(text)
    os.replace(new, path)
