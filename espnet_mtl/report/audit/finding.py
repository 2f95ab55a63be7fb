"""What a gate of the audit found."""

from dataclasses import dataclass
from typing import Final

from espnet_mtl.results.audit import GateVerdict

PASS: Final = "PASS"
FAIL: Final = "FAIL"
NOT_RUN: Final = "NOT RUN"


@dataclass(frozen=True)
class Finding:
    """What one gate says of one system.

    Attributes:
        verdict: ``PASS``, ``FAIL`` or ``NOT RUN``.
        figure: What was measured; for ``NOT RUN``, what is missing.
    """

    verdict: GateVerdict
    figure: str

    def __str__(self) -> str:
        return f"{self.verdict}: {self.figure}"


def judged(passed: bool, figure: str) -> Finding:
    """What a gate found that had all it needs."""
    return Finding(PASS if passed else FAIL, figure)


def not_run(figure: str) -> Finding:
    """What a gate says whose data are missing, which is not a pass."""
    return Finding(NOT_RUN, figure)
