"""A gate of the audit: what it asks, what a failure means, and what it found."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from espnet_mtl.report.audit.evidence import Evidence
from espnet_mtl.results.audit import GateVerdict

UNTARGETED = "no attack with a target"
NOTHING_LEFT = "no attack can reach any target"
PASS: Final = "PASS"
FAIL: Final = "FAIL"
NOT_RUN: Final = "NOT RUN"

AGAIN = "attack again (stages 15 to 18), and keep the attacked audio"
MORE_UTTERANCES = "attack more utterances (`--num_attack_utts`), or a larger set"
STANDARD = (
    "attack with `conf/attack_standard.yaml` (`--attack_config` of stages 15 to 18, "
    "`--config` of asr_mtl_attack)"
)


@dataclass(frozen=True)
class Finding:
    """What one gate found.

    Attributes:
        figure: What was measured, or what was missing.
        means: What follows from this failure, where the gate knows more than its
            ``failure`` says; else empty.
        how: What to do so that the gate can be run.
    """

    verdict: GateVerdict
    figure: str
    means: str = ""
    how: str = ""

    def __str__(self) -> str:
        return f"{self.verdict}: {self.figure}"


def judged(passed: bool, figure: str, means: str = "") -> Finding:
    """Return the finding of a gate that had all it needs."""
    return Finding(PASS, figure) if passed else Finding(FAIL, figure, means)


def not_run(figure: str, how: str) -> Finding:
    """Return the finding of a gate that lacked something, which is not a pass."""
    return Finding(NOT_RUN, figure, how=how)


def standard_or(evidence: Evidence, otherwise: str) -> str:
    """Advise the standard attack; where a suite was run already, something else."""
    return otherwise if evidence.is_suite else STANDARD


@dataclass(frozen=True)
class Gate:
    """One question of the audit.

    Attributes:
        title: What is required.
        failure: What a failure means.
    """

    name: str
    title: str
    failure: str
    check: Callable[[Evidence], Finding]

    def means(self, finding: Finding) -> str:
        """Return what follows from a failure that it found."""
        return finding.means or self.failure


def gate(
    title: str, failure: str, *, needs_target: bool = False, needs_counted: bool = True
) -> Callable[[Callable[[Evidence], Finding]], Gate]:
    """Make a gate of the function that answers it, and that it is named after.

    Args:
        title: See :class:`Gate`.
        failure: See :class:`Gate`.
        needs_target: Whether it asks about attacks with a target.
        needs_counted: Whether it asks about utterances that count.
    """

    def make(check: Callable[[Evidence], Finding]) -> Gate:
        def check_if_possible(evidence: Evidence) -> Finding:
            if needs_target and not evidence.levels:
                return not_run(UNTARGETED, "give the attack an attacker with a target")
            if needs_counted and evidence.result.is_empty:
                return not_run(NOTHING_LEFT, "give targets that can be reached")
            return check(evidence)

        return Gate(check.__name__, title, failure, check_if_possible)

    return make
