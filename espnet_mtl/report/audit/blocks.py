"""The audit in words: for the page and for a terminal."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

from espnet_mtl.report.audit.audits import GATES, Audit, AuditGroup, every_audit
from espnet_mtl.report.audit.gate import FAIL, NOT_RUN, PASS, Finding, Gate
from espnet_mtl.report.document import Block, Bullets, Fold, Heading, Part, Text
from espnet_mtl.report.table import Table

INTRODUCTION = (
    "A figure about robustness says something about a system only if the attack behind "
    "it is a good one. Each gate checks one side of that, on each system, and shows "
    "what was measured. NOT RUN is not a pass: what the gate would find is not known. "
    "All figures are in `audit.json`."
)


@dataclass(frozen=True)
class AuditWords:
    """The audit for the page's template: marks, and on demand what is behind them."""

    groups: Sequence[AuditGroup]
    gates: Sequence[Gate] = GATES
    introduction: str = INTRODUCTION

    def sentences(self, group: AuditGroup) -> list[str]:
        """Say what follows for the systems of a group."""
        return _sentences(group.audits)

    def means(self, group: AuditGroup, gate: Gate) -> list[str]:
        """Say what a failure of a gate means, and how to run it where it was not."""
        found = [audit.findings[gate.name] for audit in group.audits]
        said = [f"A failure means: {one}" for one in _means(gate, found)]
        hows = dict.fromkeys(one.how for one in found if one.verdict == NOT_RUN)
        return [*said, *(f"To run it: {how}." for how in hows)]


def audit_part(groups: Sequence[AuditGroup]) -> list[Block]:
    """Make the part of a report that shows the audit; empty without audits."""
    if not groups:
        return []
    return [Part("audit", AuditWords(groups), [Bullets(audit_lines(groups))])]


def audit_details(groups: Sequence[AuditGroup]) -> list[Block]:
    """Write all about the audit for Markdown: the page has it behind the marks."""
    if not groups:
        return []
    return [Part("", None, [Fold("Audit of the attack", audit_blocks(groups))])]


def audit_blocks(groups: Sequence[AuditGroup]) -> list[Block]:
    """Write the section about the audit, without its heading; empty without audits."""
    if not groups:
        return []
    blocks: list[Block] = [Text(INTRODUCTION)]
    for group in groups:
        if len(groups) > 1:
            blocks.append(Heading(group.title, level=3))
        failed = [audit for audit in group.audits if audit.verdict == "fail"]
        others = [audit for audit in group.audits if audit.verdict != "fail"]
        blocks += [Text(f"Audit: {line}", warning=True) for line in _sentences(failed)]
        blocks += [Bullets(_sentences(others))] if others else []
        header = ["gate", "what is required", *(one.label for one in group.audits)]
        rows = [
            [gate.name, gate.title, *(str(a.findings[gate.name]) for a in group.audits)]
            for gate in GATES
        ]
        blocks.append(Table(header, rows, text_columns=len(header)))
        blocks += [Bullets(how)] if (how := _how_to_run(group.audits)) else []
    meanings = Bullets(_meanings(every_audit(groups)))
    return [*blocks, Text("What a failure means:"), meanings]


def _sentences(audits: Sequence[Audit]) -> list[str]:
    """Say what follows for each system; once for all of which the same follows."""
    labels: dict[str, list[str]] = {}
    for audit in audits:
        labels.setdefault(audit.said, []).append(audit.label)
    return [f"{', '.join(names)}: {said}." for said, names in labels.items()]


def _meanings(audits: Sequence[Audit]) -> list[str]:
    """Say what a failure means, or where there are failures, what these do."""
    said = []
    for gate in GATES:
        found = [audit.findings[gate.name] for audit in audits]
        said += [f"{gate.name}: {one}" for one in _means(gate, found)]
    return said


def _means(gate: Gate, found: Sequence[Finding]) -> list[str]:
    means = [gate.means(one) for one in found if one.verdict == FAIL]
    return list(dict.fromkeys(means or [gate.failure]))


def _how_to_run(audits: Sequence[Audit]) -> list[str]:
    """Say how to run the gates that were not run: a sentence for each way."""
    ways: dict[str, list[str]] = {}
    for gate in GATES:
        found = [audit.findings[gate.name] for audit in audits]
        for how in dict.fromkeys(one.how for one in found if one.verdict == NOT_RUN):
            ways.setdefault(how, []).append(gate.name)
    return [f"Not run: {', '.join(names)}: {how}." for how, names in ways.items()]


def audit_lines(groups: Sequence[AuditGroup]) -> list[str]:
    """Say in a sentence for each system whether its figures can be relied on.

    Systems of which the same is to be said share one.
    """
    return [
        f"Audit{f' ({group.title})' if len(groups) > 1 else ''}: {line}"
        for group in groups
        for line in _sentences(group.audits)
    ]


def audit_sentence(audits: Sequence[Audit]) -> str:
    """Say for all systems in one sentence which gates failed or were not run."""
    found: dict[str, list[str]] = {}
    for audit in audits:
        parts = [
            f"{verdict} ({', '.join(gate.name for gate in gates)})"
            for verdict in (FAIL, NOT_RUN)
            if (gates := audit.gates(verdict))
        ]
        found.setdefault(", ".join(parts) or PASS, []).append(audit.label)
    if len(found) == 1:
        return f"Audit of all systems: {next(iter(found))}."
    said = [f"{', '.join(labels)}: {what}" for what, labels in found.items()]
    return f"Audit: {'; '.join(said)}."


def audit_text(groups: Sequence[AuditGroup], width: int = 100) -> str:
    """Write the audit for a terminal, in lines of up to ``width`` characters.

    For each group it has the gates, what each failure means, how to run what was not
    run, and the verdicts. One system's gates have their figures; for several there is
    only room for a table of verdicts, and the figures of what failed come below.
    """
    parts = []
    for group in groups:
        if len(group.audits) > 1:
            gates = _verdict_table(group).to_text(width)
        else:
            gates = _figure_lines(group.audits[0], width)
        parts.append(f"Audit of the attack, {group.title}\n{gates}")
        said = [*_failures(group.audits), *_how_to_run(group.audits)]
        said += [f"Audit: {line}" for line in _sentences(group.audits)]
        parts.append("\n".join(_wrap(line, width, 2) for line in said))
    return "\n\n".join(parts)


def _wrap(text: str, width: int, indent: int) -> str:
    text = text.replace("`", "")
    return textwrap.fill(text, width, subsequent_indent=" " * indent)


def _verdict_table(group: AuditGroup) -> Table:
    rows = [
        [gate.name, *(audit.findings[gate.name].verdict for audit in group.audits)]
        for gate in GATES
    ]
    header = ["gate", *(audit.label for audit in group.audits)]
    return Table(header, rows, text_columns=len(header))


def _figure_lines(audit: Audit, width: int) -> str:
    longest = max(len(gate.name) for gate in GATES)
    lines = []
    for name, found in audit.findings.items():
        start = f"{found.verdict:<{len(NOT_RUN)}}  {name:<{longest}}  "
        lines.append(_wrap(start + found.figure, width, len(start)))
    return "\n".join(lines)


def _failures(audits: Sequence[Audit]) -> list[str]:
    said = []
    for gate in GATES:
        labels: dict[str, dict[str, list[str]]] = {}
        for audit in audits:
            found = audit.findings[gate.name]
            if found.verdict == FAIL:
                figures = labels.setdefault(gate.means(found), {})
                figures.setdefault(found.figure, []).append(audit.label)
        for means, figures in labels.items():
            shown = [f"{', '.join(who)}: {figure}" for figure, who in figures.items()]
            said.append(f"FAIL {gate.name}: {means} {'; '.join(shown)}.")
    return said
