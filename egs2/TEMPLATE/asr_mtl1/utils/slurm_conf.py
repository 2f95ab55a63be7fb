"""Read a slurm.conf of Kaldi and ESPnet: what to tell sbatch for which option."""

import os
import re
import shlex
from dataclasses import dataclass

import jobs

_RULE = re.compile(r"option\s+([^\s=]+)=(\S+)\s*(.*)")
_DEFAULT = re.compile(r"default\s+([^\s=]+)=(\S+)")


@dataclass(frozen=True)
class SlurmConf:
    """What a slurm.conf says.

    Attributes:
        path: The file.
        command: Words of the command that submits.
        rules: (option, value) -> what to add; value "*" stands for any.
        defaults: Option -> value, where the call has none.
    """

    path: str
    command: list
    rules: dict
    defaults: dict

    def words(self, options):
        """Return the words of sbatch for the options of a call."""
        found = []
        for name, value in {**self.defaults, **options}.items():
            text = self.rules.get((name, value), self.rules.get((name, "*")))
            if text is None:
                jobs.fail(
                    f"{self.path} does not say what --{name} {value} means: add a line "
                    f"such as 'option {name}=* <options of sbatch, $0 is the value>'"
                )
            found += shlex.split(text.replace("$0", shlex.quote(value)))
        return found


def read(path):
    """Read a slurm.conf.

    Args:
        path: The file.

    Returns:
        What it says.
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
        elif match := _RULE.fullmatch(line):
            rules[match[1], match[2]] = match[3]
        elif match := _DEFAULT.fullmatch(line):
            defaults[match[1]] = match[2]
        elif line:
            jobs.fail(
                f"{path}:{number}: '{line}' is none of: command ..., "
                "option <name>=<value> ..., default <name>=<value>"
            )
    if command is None:
        jobs.fail(f"{path} has no line 'command sbatch ...'")
    return SlurmConf(path, command, rules, defaults)
