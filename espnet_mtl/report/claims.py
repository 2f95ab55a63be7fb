"""The paper's claims, compared with what these runs measured."""

from collections.abc import Sequence

from espnet_mtl.metrics.binomial import LEAST_VALUES
from espnet_mtl.report.audit.audits import Audit, AuditGroup
from espnet_mtl.report.audit.gate import FAIL, NOT_RUN
from espnet_mtl.report.cautions import BAD_WER, caveats, warnings
from espnet_mtl.report.comparison import Difference, Group, SystemResult, compare
from espnet_mtl.report.document import Block, Bullets, Heading, Text
from espnet_mtl.report.result_tables import show_difference
from espnet_mtl.report.table import Table

# (system, compared with, gain in points that the abstract of arXiv 2204.02381 states)
HARDER = "harder"
COMPARISONS = (
    ("hybrid_accent", "att", "+17.25"),
    ("hybrid_accent", "ctc", "+59.90"),
    ("ctc_accent", "ctc", HARDER),
    ("att_accent", "att", HARDER),
    ("hybrid_accent", "hybrid", HARDER),
)
SUPPORTED = "supported"
UNDECIDED = "not supported (interval includes 0)"
NO_INTERVAL = "not supported (one speaker: no interval)"
# Fewer that all go one way may do so by chance (sign test). The bootstrap does not see
# that: few draws are without any of four speakers, so its interval is above 0.
FEW_DIFFER = f"not supported (fewer than {LEAST_VALUES} speakers differ)"
CONTRADICTED = "contradicted (easier to attack)"
UNTRAINED = "not judged (a recogniser has most words wrong anyway)"
_NOT_JUDGED = "not judged"


def verdict(difference: Difference) -> str:
    """Judge the claim that the first system is harder to attack.

    It is ``SUPPORTED`` only if the whole interval is above 0, and so many speakers
    differ that chance alone does not make them agree.
    """
    if difference.speakers < 2:
        return NO_INTERVAL
    if difference.low <= 0 <= difference.high:
        return UNDECIDED
    if difference.differing < LEAST_VALUES:
        return FEW_DIFFER
    return SUPPORTED if difference.low > 0 else CONTRADICTED


def judge(
    group: Group,
    system: str,
    baseline: str,
    difference: Difference,
    audits: Sequence[Audit],
) -> str:
    """Judge a claim, if the figures of both systems can be relied on.

    They cannot while a gate of the audit says FAIL or NOT RUN, nor where a recogniser
    hears so little that its own errors would count as robustness.
    """
    first = group.find(system)
    second = group.find(baseline, like=first)
    pair = [one for one in (first, second) if one]
    wers = [one.clean.benign_wer for one in pair]
    if any(wer is not None and wer > BAD_WER for wer in wers):
        return UNTRAINED
    doubts = [doubt for one in pair if (doubt := _doubts(one, audits))]
    return f"{_NOT_JUDGED} ({'; '.join(doubts)})" if doubts else verdict(difference)


def _doubts(system: SystemResult, audits: Sequence[Audit]) -> str:
    """Say which gates speak against a system's figures; empty if none does."""
    audit = next(
        (one for one in audits if one.result.folder == system.result.folder), None
    )
    if audit is None:
        return f"no audit of {system.label}"
    said = [
        f"{'gate' if len(gates) == 1 else 'gates'} "
        f"{', '.join(gate.name for gate in gates)} of {system.label}: {found}"
        for found in (FAIL, NOT_RUN)
        if (gates := audit.gates(found))
    ]
    return "; ".join(said)


def measure_claims(group: Group) -> list[tuple[str, str, str, float, Difference]]:
    """Compare the systems that the claims are about, at every budget.

    Returns:
        System, its baseline, the paper's gain, budget and difference; the largest
        budget of each comparison first. Comparisons with a missing system are left out.
    """
    measured = []
    for system, baseline, paper in COMPARISONS:
        first = group.find(system)
        second = group.find(baseline, like=first) if first else None
        if first is None or second is None:
            continue
        for budget in reversed(group.budgets):
            difference = compare(first, second, budget)
            if difference is not None:
                measured.append((system, baseline, paper, budget, difference))
    return measured


def claims_table(group: Group, audits: Sequence[Audit]) -> Table | None:
    """Make the table of claims; ``None`` if these systems can test no claim."""
    rows = [
        [
            f"{system} − {baseline}",
            paper,
            group.budget_name(budget),
            " / ".join(dict.fromkeys(difference.attackers)),
            show_difference(difference),
            _short(judge(group, system, baseline, difference, audits)),
        ]
        for system, baseline, paper, budget, difference in measure_claims(group)
    ]
    header = ["AdvTWER of", "paper", "budget", "strongest attacker", "here [95 %]"]
    return Table([*header, "claim"], rows, text_columns=6) if rows else None


def _short(found: str) -> str:
    """Leave out of a cell why the audit speaks against it; the summary says it once."""
    if found.startswith(_NOT_JUDGED) and found != UNTRAINED:
        return f"{_NOT_JUDGED} (audit)"
    return found


def summary(group: Group, audits: Sequence[Audit]) -> list[str]:
    """Say how the claims fared at the largest budget: a sentence each."""
    said = []
    for system, baseline, paper, budget, difference in measure_claims(group):
        if budget != group.budgets[-1]:
            continue
        found = judge(group, system, baseline, difference, audits)
        size = f"; the paper: {paper} points" if paper != HARDER else ""
        points = f"({show_difference(difference)} points{size})"
        if found.startswith(_NOT_JUDGED) and found != UNTRAINED:
            said.append(
                f"Whether {system} is harder to attack than {baseline} is {found} "
                f"{points}."
            )
            continue
        judged = {
            SUPPORTED: "harder to attack than",
            NO_INTERVAL: "not shown to be harder to attack than",
            UNDECIDED: "not shown to be harder to attack than",
            FEW_DIFFER: "not shown to be harder to attack than",
            CONTRADICTED: "easier to attack than",
            UNTRAINED: "not to be compared with",
        }[found]
        said.append(f"{system} is {judged} {baseline} here {points}.")
    return said


INTRODUCTION = (
    "Das & Chau (arXiv 2204.02381, abstract) report that multi-task learning with "
    "accent classification consistently makes attacks harder, with gains in AdvTWER "
    "from 17.25 points (over a single-task attention decoder) up to 59.90 (over "
    "single-task CTC). Their corpus, models and attack budgets differ from those here: "
    "directions can be compared, sizes hardly. A claim counts as supported only if the "
    "whole 95 % interval is above 0 with the strongest attacker on each side, who may "
    "ignore the accent branch, and the systems differ on at least "
    f"{LEAST_VALUES} speakers. No claim is judged where a gate of the audit says FAIL "
    "or NOT RUN of either system, or where a recogniser has most words wrong without "
    "any attack. The largest budget (in dB, the lowest SNR) "
    "decides and stands first; nothing corrects for the number of comparisons."
)
SYNTHETIC = (
    "On a synthetic corpus such as mini_accent these numbers show how the procedure "
    "works; they are not evidence about human speech."
)


def claims_blocks(groups: Sequence[Group], audits: Sequence[AuditGroup]) -> list[Block]:
    """Write the section about the claims, without its heading.

    It is empty if no claim can be tested.
    """
    audited = [audit for group in audits for audit in group.audits]
    blocks: list[Block] = []
    for group in groups:
        table = claims_table(group, audited)
        if table is None:
            continue
        if len(groups) > 1:
            blocks.append(Heading(group.title, level=3))
        blocks += [Bullets(summary(group, audited)), table]
        blocks += [Text(warning, warning=True) for warning in warnings(group)]
        blocks.append(Bullets([*caveats(group), SYNTHETIC]))
    return [Text(INTRODUCTION), *blocks] if blocks else []
