"""The audit in words: for the page and for a terminal."""

import textwrap
from collections.abc import Sequence

from espnet_mtl.report.audit.audits import Audit, AuditGroup
from espnet_mtl.report.audit.finding import FAIL, NOT_RUN, PASS
from espnet_mtl.report.audit.gates import GATES
from espnet_mtl.report.document import Block, Bullets, Heading, Text
from espnet_mtl.report.table import Table

INTRODUCTION = (
    "A figure about robustness says something about a system only if the attack behind "
    "it is a good one. Each gate checks one side of that, on each system, and shows "
    "what was measured. NOT RUN is not a pass: what the gate would find is not known. "
    "All figures are in `audit.json`."
)


def audit_blocks(groups: Sequence[AuditGroup]) -> list[Block]:
    """Write the section about the audit.

    Args:
        groups: The audits.

    Returns:
        Blocks without a heading; none where nothing has been attacked.
    """
    blocks: list[Block] = [Text(INTRODUCTION)] if groups else []
    for group in groups:
        if len(groups) > 1:
            blocks.append(Heading(group.title, level=3))
        audits = group.audits
        blocks += [
            Text(f"Audit: {audit.sentence}", warning=True)
            for audit in audits
            if audit.verdict == "fail"
        ]
        said = [audit.sentence for audit in audits if audit.verdict != "fail"]
        blocks += [Bullets(said)] if said else []
        blocks.append(audit_table(group))
        blocks += [Bullets(how)] if (how := how_to_run(audits)) else []
    if groups:
        meanings = [f"{gate.name}: {gate.failure}" for gate in GATES]
        blocks += [Text("What a failure means:"), Bullets(meanings)]
    return blocks


def audit_table(group: AuditGroup) -> Table:
    """Make the table of gates and systems.

    Args:
        group: The audits.

    Returns:
        The table, with what each gate measured.
    """
    rows = [
        [
            gate.name,
            gate.title,
            *(str(audit.findings[gate.name]) for audit in group.audits),
        ]
        for gate in GATES
    ]
    header = ["gate", "what is asked for", *(audit.label for audit in group.audits)]
    return Table(header, rows, text_columns=len(header))


def how_to_run(audits: Sequence[Audit]) -> list[str]:
    """Say how the gates that were not run can be run.

    Args:
        audits: Audits of one group.

    Returns:
        One sentence for each way, with the gates that it is for.
    """
    ways: dict[str, list[str]] = {}
    for gate in GATES:
        if any(audit.findings[gate.name].verdict == NOT_RUN for audit in audits):
            ways.setdefault(gate.how, []).append(gate.name)
    return [f"Not run: {', '.join(names)}: {how}." for how, names in ways.items()]


def audit_lines(groups: Sequence[AuditGroup]) -> list[str]:
    """Say in one sentence for each system whether its figures can be relied on."""
    return [
        f"Audit{f' ({group.title})' if len(groups) > 1 else ''}: {audit.sentence}"
        for group in groups
        for audit in group.audits
    ]


def audit_sentence(audits: Sequence[Audit]) -> str:
    """Say in one sentence what the audits of all systems came to.

    Args:
        audits: The audits.

    Returns:
        Verdicts, with the gates that failed or were not run.
    """
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
    """Write the audit for a terminal.

    Args:
        groups: The audits.
        width: Most characters of a line.

    Returns:
        For each group the gates, what each failure means, how to run what was not run,
        and the verdicts. One system's gates have their figures; for several there is
        room for a table of verdicts only, and the figures of what failed come below.
    """
    parts = []
    for group in groups:
        if len(group.audits) > 1:
            gates = _verdict_table(group).to_text(width)
        else:
            gates = _figure_lines(group.audits[0], width)
        parts.append(f"Audit of the attack, {group.title}\n{gates}")
        said = [*_failures(group.audits), *how_to_run(group.audits)]
        said += [f"Audit: {audit.sentence}" for audit in group.audits]
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
    names = max(len(gate.name) for gate in GATES)
    lines = []
    for gate in GATES:
        found = audit.findings[gate.name]
        start = f"{found.verdict:<{len(NOT_RUN)}}  {gate.name:<{names}}  "
        lines.append(_wrap(start + found.figure, width, len(start)))
    return "\n".join(lines)


def _failures(audits: Sequence[Audit]) -> list[str]:
    said = []
    for gate in GATES:
        failed = [one for one in audits if one.findings[gate.name].verdict == FAIL]
        labels: dict[str, list[str]] = {}
        for one in failed:
            labels.setdefault(one.findings[gate.name].figure, []).append(one.label)
        figures = [f"{', '.join(who)}: {figure}" for figure, who in labels.items()]
        if failed:
            said.append(f"FAIL {gate.name}: {gate.failure} {'; '.join(figures)}.")
    return said
