"""The audit: can the figures of an attack be relied on?

Thirteen gates, each with one idea, after what is asked of evaluations of robustness
(Carlini et al. 2019, arXiv 1902.06705, section 5; Athalye et al. 2018, arXiv
1802.00420, section 3.1; Croce & Hein 2020, arXiv 2003.01690).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from espnet_mtl.report.audit import (
    active,
    attackers,
    files,
    growth,
    model,
    strength,
    twins,
)
from espnet_mtl.report.audit.evidence import AttackedSystem, Pairs, read_evidence
from espnet_mtl.report.audit.gate import (
    FAIL,
    NOT_RUN,
    NOTHING_LEFT,
    PASS,
    Finding,
    Gate,
)
from espnet_mtl.report.experiment import AttackResult, Experiment
from espnet_mtl.report.groups import system_label
from espnet_mtl.results.audit import (
    AuditSummary,
    AuditVerdict,
    GateResult,
    GateVerdict,
    SystemAudit,
)

GATES = (
    strength.unbounded,
    growth.growth,
    strength.steps,
    active.planted,
    strength.white_box,
    strength.noise,
    model.gradients,
    model.repeats,
    twins.accent_blind,
    attackers.loss,
    model.benign_wer,
    files.saved_file,
    files.infeasible,
)


@dataclass(frozen=True)
class Audit:
    """All gates of one system; ``label`` is its name in tables."""

    label: str
    result: AttackResult
    findings: Mapping[str, Finding]  # by the gate's name, in the order of the gates

    def gates(self, verdict: GateVerdict) -> list[Gate]:
        """Return the gates with one verdict."""
        return [g for g in GATES if self.findings[g.name].verdict == verdict]

    @property
    def verdict(self) -> AuditVerdict:
        """What follows from all gates."""
        if self.gates(FAIL):
            return "fail"
        return "partial" if self.gates(NOT_RUN) else "pass"

    @property
    def counts(self) -> str:
        """How many gates passed, and which did not, in words."""
        parts = [f"{len(self.gates(PASS))} of {len(GATES)} gates passed"]
        lacking = {"FAIL": self.gates(FAIL), "not run": self.gates(NOT_RUN)}
        for name, gates in lacking.items():
            if gates:
                parts.append(f"{name}: {', '.join(gate.name for gate in gates)}")
        return "; ".join(parts)

    @property
    def short(self) -> str:
        """The verdict in a few words, with the gates that did not pass."""
        parts = [
            f"{verdict}: {', '.join(gate.name for gate in gates)}"
            for verdict in (FAIL, NOT_RUN)
            if (gates := self.gates(verdict))
        ]
        return "; ".join(parts) or PASS

    @property
    def sentence(self) -> str:
        """What follows for the system's figures."""
        return f"{self.label}: {self.said}."

    @property
    def said(self) -> str:
        """The same without the system's name."""
        if self.result.is_empty:
            return f"no robustness figures, since {NOTHING_LEFT}"
        can = {
            "pass": "can be relied on",
            "partial": "are not fully checked",
            "fail": "cannot be relied on",
        }[self.verdict]
        if [gate.name for gate in self.gates(FAIL)] == ["benign_wer"]:
            can = "cannot be compared"
        return f"robustness figures {can} ({self.counts})"

    def summary(self) -> AuditSummary:
        """Shorten it, for a row of the results."""
        gates = {name: finding.verdict for name, finding in self.findings.items()}
        return AuditSummary(verdict=self.verdict, gates=gates)

    def export(self) -> SystemAudit:
        """Give all of it, for ``audit.json``."""
        about = self.result.clean
        gates = [
            GateResult(
                name=gate.name,
                title=gate.title,
                verdict=self.findings[gate.name].verdict,
                figure=self.findings[gate.name].figure,
                failure_means=gate.means(self.findings[gate.name]),
            )
            for gate in GATES
        ]
        return SystemAudit(
            system=about.system,
            seed=about.seed,
            set=about.set,
            attack_tag=self.result.scores.attack_tag,
            decoder=about.decoder,
            verdict=self.verdict,
            sentence=self.sentence,
            gates=tuple(gates),
        )


@dataclass(frozen=True)
class AuditGroup:
    """Audits of systems under the same attack: one set, one attack, one seed."""

    title: str
    audits: Sequence[Audit]


def every_audit(groups: Sequence[AuditGroup]) -> list[Audit]:
    """Return the audits of all groups."""
    return [audit for group in groups for audit in group.audits]


def find_audit(audits: Sequence[Audit], result: AttackResult) -> Audit | None:
    """Find the audit of an attack; ``None`` if there is none."""
    return next((one for one in audits if one.result.folder == result.folder), None)


def make_audits(
    experiments: Sequence[Experiment],
    baselines: Sequence[str] = ("ctc", "att"),
    pairs: Pairs = (),
) -> list[AuditGroup]:
    """Audit every attack; no audits where nothing has been attacked.

    Args:
        experiments: The systems.
        baselines: Names of the systems that all are compared with.
        pairs: Names of others that are compared.

    Raises:
        UserError: If a file of an attack is damaged.
    """
    groups: dict[tuple[str, str, int], list[tuple[AttackResult, Experiment]]] = {}
    for experiment in experiments:
        for result in experiment.attacks:
            if result.of("main"):
                key = (result.clean.set, result.scores.attack_tag, result.clean.seed)
                groups.setdefault(key, []).append((result, experiment))
    return [
        AuditGroup(
            f"set {set_name}, {tag}, seed {seed}", _audit(found, baselines, pairs)
        )
        for (set_name, tag, seed), found in groups.items()
    ]


def _audit(
    found: Sequence[tuple[AttackResult, Experiment]],
    baselines: Sequence[str],
    pairs: Pairs,
) -> list[Audit]:
    results = [result for result, _ in found]
    attacked = [
        AttackedSystem(system_label(result, results), result, experiment.clean)
        for result, experiment in found
    ]
    return [
        Audit(one.label, one.result, {gate.name: gate.check(one) for gate in GATES})
        for one in read_evidence(attacked, baselines, pairs)
    ]
