"""What the audit of an attack found: ``audit.json`` of a report."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

AuditVerdict = Literal["pass", "partial", "fail"]
"""Of a whole audit: all gates passed; none failed, but some lacked what they need; some
failed."""

GateVerdict = Literal["PASS", "FAIL", "NOT RUN"]
"""Of one gate. ``NOT RUN``: something that it needs is not there."""


@dataclass(frozen=True, kw_only=True)
class AuditSummary:
    """An audit in short, for a row of the results; gates by their names."""

    verdict: AuditVerdict
    gates: Mapping[str, GateVerdict]


@dataclass(frozen=True, kw_only=True)
class GateResult:
    """What one gate found.

    Attributes:
        name: Name of the gate.
        title: What is required.
        verdict: Whether that is so.
        figure: What was measured; for ``NOT RUN``, what is missing.
        failure_means: What follows from a failure.
    """

    name: str
    title: str
    verdict: GateVerdict
    figure: str
    failure_means: str


@dataclass(frozen=True, kw_only=True)
class SystemAudit:
    """The audit of an attack on one system; ``sentence`` is the verdict in words."""

    system: str
    seed: int
    set: str
    attack_tag: str
    decoder: str
    verdict: AuditVerdict
    sentence: str
    gates: tuple[GateResult, ...]
