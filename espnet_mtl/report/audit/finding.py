"""What a gate of the audit found."""

from dataclasses import dataclass

PASS, FAIL, NOT_RUN = "PASS", "FAIL", "NOT RUN"


@dataclass(frozen=True)
class Finding:
    """What one gate says of one system.

    Attributes:
        verdict: ``PASS``, ``FAIL`` or ``NOT RUN``.
        figure: What was measured; without data, what lacks.
    """

    verdict: str
    figure: str

    def __str__(self) -> str:
        return f"{self.verdict}: {self.figure}"


def judged(passed: bool, figure: str) -> Finding:
    """Say that a gate had all it needs."""
    return Finding(PASS if passed else FAIL, figure)


def not_run(figure: str) -> Finding:
    """Say that a gate lacks data, which is no pass."""
    return Finding(NOT_RUN, figure)
