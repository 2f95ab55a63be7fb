#!/usr/bin/env python3
"""Run jobs on a SLURM cluster, with the calling convention of Kaldi's slurm.pl.

slurm.py [--gpu N] [--mem SIZE] [--num_threads N] [--num_nodes N] [--time T]
         [--name NAME] [--max_jobs_run N] [--config FILE] [--log LOG]
         [JOB=1:N] LOG CMD...

JOB in LOG and CMD is replaced by the job's number. One call is one job array, in the
current directory and with the current PATH. conf/slurm.conf (--config) says what the
options mean to sbatch. Each job's output goes to its log. slurm.py waits for all jobs,
says why those failed that did, and then ends with status 1. Ctrl-C, a kill of it or a
closed terminal cancels the array; nohup keeps it. After a kill -9 the array runs on:
the same call waits for it.

One job without a number leaves the log of an earlier run beside its own: train.1.log.
--log wins over LOG, which ESPnet's launcher would rename.
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
from slurm_wait import Waiting, log, still_runs

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
    jobs.on_end(lambda number, _: os._exit(128 + number))  # nothing to cancel yet
    earlier = earlier_array(call)
    # A signal waits until the array's id is known, or it could not be cancelled.
    signal.pthread_sigmask(signal.SIG_BLOCK, jobs.ENDING)
    array, folder = earlier or submit(call)
    jobs.on_end(lambda number, _: cancel(array, folder, number))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, jobs.ENDING)

    results = Waiting(array, call.jobs, folder).wait()
    slurm_folder.remove(folder)
    jobs.check([(call.log_of(number), results[number]) for number in call.jobs])


def earlier_array(call):
    """Return the array and folder of an earlier call that still runs, or ``None``."""
    for folder in slurm_folder.of_earlier(call):
        array = slurm_folder.read_array(folder)
        if array is None or not still_runs(array):
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
    words = sbatch_words(call)
    call.prepare_logs()
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
    log(f"array {array[1]}: submitted {len(call.jobs)} x '{call.log}'")
    return array[1], folder


def sbatch_words(call):
    """Return the command that submits."""
    options = dict(call.options)
    at_once = options.pop("max_jobs_run", None)
    conf = slurm_conf.read(options.pop("config", "conf/slurm.conf"))
    name = options.pop("name", slurm_folder.name_of(call))
    return [
        *conf.command,
        "--parsable",
        f"--job-name={name}",
        f"--array={call.jobs[0]}-{call.jobs[-1]}"
        + (f"%{call.at_once}" if at_once else ""),
        # SLURM writes there too, such as why it ended a job.
        f"--output={call.numbered(call.log.replace('%', '%%'), '%a')}",
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
    """Cancel the array; called on a signal."""
    subprocess.run(["scancel", array])
    slurm_folder.remove(folder)
    log(f"array {array} is cancelled")
    sys.stderr.flush()
    os._exit(128 + number)


if __name__ == "__main__":
    main()
