"""The audit: can the figures of an attack be relied on?

Twelve gates, each with one idea, after what is asked of evaluations of robustness
(Carlini et al. 2019, arXiv 1902.06705, section 5; Athalye et al. 2018, arXiv
1802.00420, section 3.1; Croce & Hein 2020, arXiv 2003.01690).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from espnet_mtl.report.audit.evidence import Evidence, read_evidence
from espnet_mtl.report.audit.finding import FAIL, NOT_RUN, PASS, Finding
from espnet_mtl.report.audit.gates import GATES, Gate
from espnet_mtl.report.comparison import system_label
from espnet_mtl.report.experiment import AttackResult, Experiment


@dataclass(frozen=True)
class Audit:
    """All gates of one system.

    Attributes:
        label: The system in tables.
        result: The scores it is about.
        findings: By the gate's name, in the order of the gates.
    """

    label: str
    result: AttackResult
    findings: Mapping[str, Finding]

    def gates(self, verdict: str) -> list[Gate]:
        """Gates of one verdict."""
        return [g for g in GATES if self.findings[g.name].verdict == verdict]

    @property
    def verdict(self) -> str:
        """``fail``; ``partial`` where none failed, but some were not run; ``pass``."""
        if self.gates(FAIL):
            return "fail"
        return "partial" if self.gates(NOT_RUN) else "pass"

    @property
    def counts(self) -> str:
        """How many gates passed, and which did not, in words."""
        parts = [f"{len(self.gates(PASS))} of {len(GATES)} gates passed"]
        for name, verdict in (("FAIL", FAIL), ("not run", NOT_RUN)):
            if gates := self.gates(verdict):
                parts.append(f"{name}: {', '.join(gate.name for gate in gates)}")
        return "; ".join(parts)

    @property
    def sentence(self) -> str:
        """What follows for the system's figures."""
        can = {
            "pass": "can be relied on",
            "partial": "are not fully checked",
            "fail": "cannot be relied on",
        }[self.verdict]
        if [gate.name for gate in self.gates(FAIL)] == ["benign_wer"]:
            can = "cannot be compared"
        return f"{self.label}: robustness figures {can} ({self.counts})."


@dataclass(frozen=True)
class AuditGroup:
    """Audits of systems under the same attack: one set, one attack, one seed."""

    title: str
    audits: Sequence[Audit]


def make_audits(experiments: Sequence[Experiment]) -> list[AuditGroup]:
    """Audit every attack.

    Args:
        experiments: The systems, in the order of the tables.

    Returns:
        Audits; none where nothing has been attacked.

    Raises:
        UserError: If a file of an attack is damaged.
    """
    keys: dict[tuple, list[AttackResult]] = {}
    for result in (one for experiment in experiments for one in experiment.attacks):
        if any(row["role"] == "main" for row in result.rows):
            key = (result.set_name, result.attack_tag, result.seed)
            keys.setdefault(key, []).append(result)
    return [
        AuditGroup(f"set {set_name}, {tag}, seed {seed}", _audit(members))
        for (set_name, tag, seed), members in keys.items()
    ]


def _audit(members: Sequence[AttackResult]) -> list[Audit]:
    labels = [system_label(result, members) for result in members]
    wers = {
        label: row["benign_wer"]
        for label, result in zip(labels, members, strict=True)
        for row in result.rows
        if row["attack"] == "none" and row["benign_wer"] is not None
    }
    return [
        Audit(label, result, run_gates(read_evidence(result, wers)))
        for label, result in zip(labels, members, strict=True)
    ]


def run_gates(evidence: Evidence) -> dict[str, Finding]:
    """Ask all gates.

    Args:
        evidence: What is known of an attack on a system.

    Returns:
        What each found, by its name.
    """
    return {gate.name: gate.check(evidence) for gate in GATES}
