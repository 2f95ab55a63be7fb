#!/usr/bin/env python3
"""Run jobs on a SLURM cluster, with the calling convention of Kaldi's slurm.pl.

slurm.py [--gpu N] [--mem SIZE] [--num_threads N] [--num_nodes N] [--time T]
         [--name NAME] [--max_jobs_run N] [--config FILE] [JOB=1:N] LOG CMD...

JOB in LOG and CMD is replaced by the job's number. One call is one job array, in the
current directory and with the current PATH. conf/slurm.conf (--config) says what the
options mean to sbatch. Each job's output goes to its log. slurm.py waits for all jobs,
says why those failed that did, and then ends with status 1. Ctrl-C or a kill of it
cancels the array. After a kill -9 the array runs on: the same call waits for it.
"""

import os
import re
import shlex
import signal
import subprocess
import sys

import jobs
import slurm_conf
import slurm_folder
import slurm_queue
from slurm_wait import Waiting, log

# What path.sh sets. It reaches the jobs whatever --export of the slurm.conf says.
EXPORTED = (
    "PATH",
    "PYTHONPATH",
    "LD_LIBRARY_PATH",
    "LC_ALL",
    "PYTHONIOENCODING",
    "OMP_NUM_THREADS",
)


def main():
    """Run the jobs that the command line asks for."""
    call = jobs.parse(sys.argv[1:], __doc__)
    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    # A signal waits until the array's id is known, or it could not be cancelled.
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    array, folder = earlier_array(call) or submit(call)
    for number in signals:
        signal.signal(number, lambda number, _: cancel(array, folder, number))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, signals)

    numbers = call.numbers or [1]
    results = Waiting(array, numbers, folder).wait()
    slurm_folder.remove(folder)
    jobs.check([(call.log_of(number), results[number]) for number in numbers])


def earlier_array(call):
    """Return the array and folder of an earlier call that still runs, or ``None``."""
    for folder in slurm_folder.of_earlier(call):
        array = slurm_folder.read_array(folder)
        if array is None or not slurm_queue.has_unfinished(array):
            continue
        earlier = slurm_folder.read_call(folder)
        if (earlier.numbers, earlier.command) != (call.numbers, call.command):
            jobs.fail(
                f"array {array} of an earlier call still writes {call.log}, with "
                f"another command: wait until it has ended, or 'scancel {array}'"
            )
        log(f"array {array} of an earlier call still does the same: waiting for it")
        return array, folder
    return None


def submit(call):
    """Submit the jobs as an array; return its id and folder."""
    numbers = call.numbers or [1]
    for number in numbers:
        os.makedirs(os.path.dirname(call.log_of(number)) or ".", exist_ok=True)
    words = sbatch_words(call)
    folder = slurm_folder.begin(call)
    try:
        done = subprocess.run(
            words,
            input=batch_script(folder),
            capture_output=True,
            text=True,
            # Those of a job that this runs in are about that job.
            env={
                name: value
                for name, value in os.environ.items()
                if not name.startswith("SLURM_") or name == "SLURM_CONF"
            },
        )
    except OSError as error:
        slurm_folder.remove(folder)
        jobs.fail(
            f"{words[0]}: {error.strerror}. Is this a machine of the cluster? "
            "cmd_backend=local runs jobs on this machine"
        )
    array = re.search(r"^(\d+)(;.*)?$", done.stdout, re.MULTILINE)
    if done.returncode != 0 or not array:
        slurm_folder.remove(folder)
        said = (done.stderr.strip() or done.stdout.strip()).replace("\n", "; ")
        jobs.fail(f"the jobs were not submitted by '{shlex.join(words)}': {said}")
    slurm_folder.write_array(folder, array[1])
    log(f"array {array[1]}: submitted {len(numbers)} x '{call.log}'")
    return array[1], folder


def sbatch_words(call):
    """Return the command that submits."""
    options = dict(call.options)
    at_once = options.pop("max_jobs_run", None)
    conf = slurm_conf.read(options.pop("config", "conf/slurm.conf"))
    name = options.pop("name", slurm_folder.name_of(call))
    array = "1" if call.numbers is None else f"{call.numbers[0]}-{call.numbers[-1]}"
    return [
        *conf.command,
        "--parsable",
        f"--job-name={name}",
        f"--array={array}" + (f"%{call.at_once}" if at_once else ""),
        # SLURM writes there too, such as why it ended a job.
        f"--output={call.log.replace('%', '%%').replace('JOB', '%a')}",
        "--open-mode=truncate",
        *conf.words(options),
    ]


def batch_script(folder):
    """Return the script of each job, which gets the environment of this process."""
    lines = ["#!/usr/bin/env bash"]
    lines += [
        f"export {name}={shlex.quote(os.environ[name])}"
        for name in EXPORTED
        if name in os.environ
    ]
    task = os.path.join(os.path.dirname(os.path.abspath(__file__)), "slurm_task.py")
    lines.append(f"exec {shlex.join([sys.executable, task, folder])}")
    return "\n".join(lines) + "\n"


def cancel(array, folder, number):
    """Cancel the array; called on Ctrl-C and kill."""
    subprocess.run(["scancel", array])
    slurm_folder.remove(folder)
    log(f"array {array} is cancelled")
    sys.stderr.flush()
    os._exit(128 + number)


if __name__ == "__main__":
    main()
