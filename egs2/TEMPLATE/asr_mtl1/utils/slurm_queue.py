"""Ask SLURM how jobs are: squeue while it knows them, then sacct where it is kept."""

import re
import subprocess

# States that a job does not leave, and what to do about those that the job is not to
# blame for. All other states mean that it waits, runs, or is tried again.
ENDED = {"COMPLETED", "FAILED"}
KILLED = {
    "BOOT_FAIL": "its node could not start",
    "CANCELLED": "somebody cancelled it",
    "DEADLINE": "its deadline passed",
    "NODE_FAIL": "its node failed",
    "OUT_OF_MEMORY": "it needed more than --mem of cmd.sh or conf/slurm.conf gives",
    "PREEMPTED": "a job of higher priority took its place",
    "REVOKED": "another cluster took it",
    "TIMEOUT": "it needed more time than --time of cmd.sh or conf/slurm.conf gives",
}


def states(array):
    """Ask how the jobs of an array are.

    Args:
        array: The array's id.

    Returns:
        (Job's number -> (state, reason), error). SLURM forgets jobs some minutes after
        their end; where it does not answer, the error says why.
    """
    asked = _run(
        ["squeue", "--noheader", "--array", "--states=all", "--jobs", array]
        + ["--format", "%K|%T|%r"]
    )
    if asked.returncode != 0 and "Invalid job id" not in asked.stderr:
        return {}, asked.stderr.strip() or f"squeue: exit status {asked.returncode}"
    rows = (line.split("|", 2) for line in asked.stdout.splitlines())
    return {int(row[0]): (row[1], row[2]) for row in rows if row[0].isdigit()}, None


def last_state(array, number):
    """Ask the accounting how a job ended that squeue has forgotten.

    Returns:
        The state; empty where there is no accounting.
    """
    asked = _run(
        ["sacct", "--allocations", "--noheader", "--parsable2", "--format=State"]
        + [f"--jobs={array}_{number}"]
    )
    word = re.match("[A-Z_]+", asked.stdout)  # "CANCELLED by 1000"
    return word[0] if asked.returncode == 0 and word else ""


def is_over(state):
    """Say whether a job in this state has ended for good."""
    return state in ENDED or state in KILLED


def _run(words):
    try:
        return subprocess.run(words, capture_output=True, text=True)
    except OSError as error:
        return subprocess.CompletedProcess(words, 127, "", f"{words[0]}: {error}")
