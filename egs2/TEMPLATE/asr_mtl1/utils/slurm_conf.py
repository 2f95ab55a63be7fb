"""Make the command that submits jobs, as a slurm.conf of Kaldi and ESPnet has it."""

import os
import re
import shlex

import jobs


def sbatch_command(call):
    """Return the words of the command that submits the jobs of a call."""
    options = dict(call.options)
    options.pop("max_jobs_run", None)
    path = options.pop("config", "conf/slurm.conf")
    command, rules, defaults = read(path)
    name = os.path.basename(call.log).replace(call.variable, "").strip(".")
    name = name.removesuffix(".log").strip(".")[:80] or "job"
    numbers = f"{call.jobs[0]}-{call.jobs[-1]}"
    words = [
        *command,
        "--parsable",
        f"--job-name={options.pop('name', name)}",
        f"--array={numbers}%{call.at_once}" if call.at_once else f"--array={numbers}",
        # SLURM writes there too, such as why it ended a job.
        f"--output={call.numbered(call.log.replace('%', '%%'), '%a')}",
        "--open-mode=truncate",
    ]
    for option, value in {**defaults, **options}.items():
        text = rules.get((option, value), rules.get((option, "*")))
        if text is None:
            jobs.fail(
                f"{path} does not say what --{option} {value} means: add a line such "
                f"as 'option {option}=* <options of sbatch, $0 is the value>'"
            )
        words += shlex.split(text.replace("$0", shlex.quote(value)))
    return words


def read(path):
    """Read a slurm.conf.

    Returns:
        Words of the command that submits; (option, value) -> what to add, where the
        value "*" stands for any; option -> value, where the call has none.
    """
    command, rules, defaults = None, {}, {}
    try:
        with open(path, encoding="utf-8") as file:
            lines = file.readlines()
    except OSError as error:
        jobs.fail(
            f"{path}: {error.strerror}. Copy conf/slurm.conf from the template of the "
            "recipes, or bring your own from another recipe"
        )
    for number, line in enumerate(lines, 1):
        # Kaldi's script hands these to a shell, so that variables are known there.
        line = os.path.expandvars(re.sub(r"(^|\s)#.*", "", line)).strip()
        if line.startswith("command "):
            command = shlex.split(line)[1:]
        elif match := re.fullmatch(r"option\s+([^\s=]+)=(\S+)\s*(.*)", line):
            rules[match[1], match[2]] = match[3]
        elif match := re.fullmatch(r"default\s+([^\s=]+)=(\S+)", line):
            defaults[match[1]] = match[2]
        elif line:
            jobs.fail(
                f"{path}:{number}: '{line}' is none of: command ..., "
                "option <name>=<value> ..., default <name>=<value>"
            )
    if command is None:
        jobs.fail(f"{path} has no line 'command sbatch ...'")
    return command, rules, defaults
