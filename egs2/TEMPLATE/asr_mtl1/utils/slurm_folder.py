"""What slurm.py and its jobs tell each other, by files that all nodes see.

A call has a folder below .slurm/ of the recipe, found again by the name of its log. It
holds the call, the id of its array, and the exit status of each job that has ended.
"""

import hashlib
import json
import os
import shutil

import jobs


def folder_of(call):
    """Return the folder of a call."""
    stem = os.path.basename(call.log).replace("JOB", "").strip(".").removesuffix(".log")
    mark = hashlib.sha256(call.log.encode("utf-8", "surrogateescape")).hexdigest()
    return os.path.join(".slurm", f"{stem.strip('.')[:80]}-{mark[:12]}")


def begin(folder, call):
    """Make the folder anew, for a call."""
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    numbers = call.numbers and [call.numbers[0], call.numbers[-1]]
    _write(folder, "call", json.dumps([numbers, call.log, call.command]))


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
    """Return number -> exit status of the jobs that have ended.

    The folder is listed anew each time: a network file system may not say that a file
    has come when it is asked for that file alone.
    """
    found = {}
    for name in os.listdir(folder):
        if name.startswith("status."):
            with open(os.path.join(folder, name), encoding="utf-8") as file:
                found[int(name.removeprefix("status."))] = int(file.read())
    return found


def remove(folder):
    """Remove the folder, and the one that holds those of all calls when it is empty."""
    shutil.rmtree(folder, ignore_errors=True)
    try:
        os.rmdir(os.path.dirname(folder))
    except OSError:
        pass  # other calls have theirs there


def _write(folder, name, text):
    """Write a file that is seen whole or not at all."""
    path = os.path.join(folder, name)
    new = os.path.join(folder, f".{name}.new")
    with open(new, "w", encoding="utf-8") as file:
        file.write(text)
    os.replace(new, path)
