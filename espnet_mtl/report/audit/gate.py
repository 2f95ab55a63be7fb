"""A gate of the audit: what it asks, what a failure means, and what it found."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from espnet_mtl.report.audit.evidence import Evidence
from espnet_mtl.results.audit import GateVerdict

PASS: Final = "PASS"
FAIL: Final = "FAIL"
NOT_RUN: Final = "NOT RUN"

SUITE = "run stages 15 to 18 with `--attack_config conf/attack_standard.yaml`"
AGAIN = "run stages 15 to 18 again, and keep the attacked audio"


@dataclass(frozen=True)
class Finding:
    """What one gate found: ``figure`` is what was measured, or what was missing."""

    verdict: GateVerdict
    figure: str

    def __str__(self) -> str:
        return f"{self.verdict}: {self.figure}"


def judged(passed: bool, figure: str) -> Finding:
    """Return the finding of a gate that had all it needs."""
    return Finding(PASS if passed else FAIL, figure)


def not_run(figure: str) -> Finding:
    """Return the finding of a gate that lacked something, which is not a pass."""
    return Finding(NOT_RUN, figure)


@dataclass(frozen=True)
class Gate:
    """One question of the audit.

    Attributes:
        title: What is required.
        failure: What a failure means.
        how: What to do where it could not be run.
    """

    name: str
    title: str
    failure: str
    how: str
    check: Callable[[Evidence], Finding]


def gate(
    title: str, failure: str, how: str = SUITE
) -> Callable[[Callable[[Evidence], Finding]], Gate]:
    """Make a gate of the function that answers it, and that it is named after."""
    return lambda check: Gate(check.__name__, title, failure, how, check)
