#!/usr/bin/env python3
"""Run one job of slurm.py's array, on the node that SLURM chose: slurm_task.py FOLDER.

The output goes where SLURM sends it, which is the job's log. The exit status goes to a
file of the folder, which slurm.py waits for.
"""

import os
import subprocess
import sys
import time

import jobs
import slurm_folder


def main():
    """Run the job that SLURM's variables name, and leave its exit status."""
    folder, number = sys.argv[1], int(os.environ["SLURM_ARRAY_TASK_ID"])
    call = slurm_folder.read_call(folder)
    command = call.command_of(number)
    array = os.environ["SLURM_ARRAY_JOB_ID"]
    started = time.time()
    jobs.write_head(sys.stdout, command, f", SLURM job {array}_{number}")
    try:
        status = subprocess.run(command).returncode
    except OSError as error:
        print(f"# {error}")
        status = 127
    jobs.write_end(sys.stdout, time.time() - started, status)
    slurm_folder.write_status(folder, number, status)
    sys.exit(status if status >= 0 else 128 - status)


if __name__ == "__main__":
    main()
