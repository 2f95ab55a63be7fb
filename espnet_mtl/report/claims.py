"""Who is harder to attack than whom: the paper's claims, and other comparisons."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from espnet_mtl.metrics.binomial import LEAST_VALUES
from espnet_mtl.report.audit.audits import Audit, AuditGroup, every_audit, find_audit
from espnet_mtl.report.audit.gate import FAIL, NOT_RUN
from espnet_mtl.report.audit.model import MOST_WORSE
from espnet_mtl.report.cautions import caveats, warnings
from espnet_mtl.report.comparison import Difference, compare
from espnet_mtl.report.document import Block, Bullets, Heading, Text
from espnet_mtl.report.groups import Group, SystemResult
from espnet_mtl.report.result_tables import show_difference
from espnet_mtl.report.robustness.curves import GroupCurves, curves_of
from espnet_mtl.report.second_task import describe_branches
from espnet_mtl.report.table import Table, number

HARDER = "harder"
Comparisons = Sequence[tuple[str, str, str]]
# (system, compared with, gain in points of AdvTWER that the abstract of arXiv
# 2204.02381 states, with a budget of its own)
PAPER: Comparisons = (
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
NO_CURVE = "not judged (no robustness curve of both)"
_NOT_JUDGED = "not judged"
# Gates that find the attack too weak, and nothing else: a system is less robust than
# its figures say.
_TOO_WEAK = ("steps",)
# The gate that looks at more systems than a claim is about.
_OF_ALL = "benign_wer"


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


@dataclass(frozen=True)
class Claim:
    """That one system is harder to attack than another, and what was measured of it.

    Attributes:
        paper: The paper's gain in AdvTWER, in points; "" where it says nothing.
        area: Difference of the areas under both curves, on which the claim rests;
            ``None`` where there are no curves.
        budgets: Difference of AdvTWER at each budget, from weak to strong; ``None``
            where one of them was not attacked with it.
        audits: What it is judged by, where that is not what the report has.
        other_seeds: Both systems as they were trained with further seeds.
    """

    first: SystemResult
    second: SystemResult
    paper: str
    area: Difference | None
    budgets: Sequence[Difference | None]
    audits: Sequence[Audit] | None = None
    other_seeds: Sequence[SystemResult] = ()

    @property
    def seeds(self) -> int:
        """With how many seeds both were trained."""
        return 1 + len(self.other_seeds) // 2

    def judge(self, audits: Sequence[Audit]) -> str:
        """Judge the claim, if the figures of both systems can be relied on.

        They cannot while a gate of the audit says FAIL or NOT RUN, nor where a
        recogniser hears so little that its own errors would count as robustness. Of how
        well they hear, these two are compared: the gate ``benign_wer`` looks at all
        that a system stands beside. But what a stronger attack would still break of the
        system that is easier to attack only adds to the difference; see
        :meth:`at_least`.
        """
        if self.audits is not None:
            audits = self.audits
        pair = (self.first, self.second)
        if any(one.result.hears_nothing for one in (*pair, *self.other_seeds)):
            return UNTRAINED
        if self.area is None:
            return NO_CURVE
        found, easier = verdict(self.area), self._easier()
        doubts = [
            doubt
            for one in pair
            if (doubt := _doubts(one, audits, _TOO_WEAK if one is easier else ()))
        ]
        trained = (*pair, *self.other_seeds)
        for one, other in zip(trained[::2], trained[1::2], strict=True):
            doubts += _doubts_of_hearing(one, other)
        return f"{_NOT_JUDGED} ({'; '.join(doubts)})" if doubts else found

    def _easier(self) -> SystemResult | None:
        """Return the system that is easier to attack, if one is."""
        found = verdict(self.area) if self.area else ""
        return {SUPPORTED: self.second, CONTRADICTED: self.first}.get(found)

    def at_least(self, audits: Sequence[Audit]) -> str:
        """Say why the true difference is at least as large; empty if nothing does."""
        easier = self._easier()
        if easier is None or is_open(self.judge(audits)):
            return ""
        audits = audits if self.audits is None else self.audits
        audit = find_audit(audits, easier.result)
        if audit is None or not audit.gates(FAIL):
            return ""
        return f"at least: more gradients break more of {easier.label}"


def is_open(said: str) -> bool:
    """Whether a claim was not judged, by what :meth:`Claim.judge` says."""
    return said.startswith(_NOT_JUDGED)


def _doubts(
    system: SystemResult, audits: Sequence[Audit], failing: Sequence[str] = ()
) -> str:
    """Say which gates speak against a system's figures; empty if none does.

    That those of ``failing`` fail does not.
    """
    audit = find_audit(audits, system.result)
    if audit is None:
        return f"no audit of {system.label}"
    found = {
        FAIL: [one.name for one in audit.gates(FAIL) if one.name not in failing],
        NOT_RUN: [one.name for one in audit.gates(NOT_RUN)],
    }
    for names in found.values():
        if _OF_ALL in names:
            names.remove(_OF_ALL)
    return "; ".join(
        _say_gates(names, system, said) for said, names in found.items() if names
    )


def _doubts_of_hearing(one: SystemResult, other: SystemResult) -> list[str]:
    """Say that two systems do not hear alike without an attack, or may not."""
    wers = {two.label: two.whole_wer for two in (one, other)}
    if lacking := [label for label, wer in wers.items() if wer is None]:
        return [f"benign WER of the whole set of {' and '.join(lacking)}: {NOT_RUN}"]
    first, second = (wer or 0.0 for wer in wers.values())
    if abs(first - second) <= MOST_WORSE:
        return []
    return [
        f"benign WER {number(first)} % of {one.label} and {number(second)} % of "
        f"{other.label}, more than {MOST_WORSE:g} point apart: {FAIL}"
    ]


def _say_gates(names: Sequence[str], system: SystemResult, found: str) -> str:
    gates = "gate" if len(names) == 1 else "gates"
    return f"{gates} {', '.join(names)} of {system.label}: {found}"


def measure_claims(
    group: Group, curves: GroupCurves | None, comparisons: Comparisons = PAPER
) -> list[Claim]:
    """Compare the systems that claims are about; where one is missing, nothing."""
    measured = []
    for system, baseline, paper in comparisons:
        first = group.find(system)
        second = group.find(baseline, like=first) if first else None
        if first is None or second is None:
            continue
        area = curves.compare(first, second) if curves else None
        budgets = [compare(first, second, budget) for budget in group.budgets]
        if area or any(budgets):
            measured.append(Claim(first, second, paper, area, budgets))
    return measured


def systems_of(claims: Sequence[Claim]) -> list[SystemResult]:
    """Return all systems that claims are about, with all their seeds."""
    every = [(claim.first, claim.second, *claim.other_seeds) for claim in claims]
    return list(itertools.chain.from_iterable(every))


def claims_table(
    group: Group, claims: Sequence[Claim], audits: Sequence[Audit]
) -> Table:
    """Make the table of claims: areas, which decide, and beside them each budget."""
    has_paper = any(claim.paper for claim in claims)
    rows = [
        [
            f"{claim.first.label} − {claim.second.label}",
            _short(claim.judge(audits)),
            show_difference(claim.area),
            *([claim.paper] if has_paper else []),
            *map(show_difference, claim.budgets),
        ]
        for claim in claims
    ]
    header = ["systems", "claim", "area here [95 %]"]
    header += ["AdvTWER in the paper"] if has_paper else []
    names = [group.budget_name(budget) for budget in group.budgets]
    header += [f"AdvTWER here at {name} [95 %]" for name in names]
    return Table(header, rows, text_columns=2)


def _short(found: str) -> str:
    """Leave out of a cell why the audit speaks against it; the summary says it once."""
    if is_open(found) and found not in (UNTRAINED, NO_CURVE):
        return f"{_NOT_JUDGED} (audit)"
    return found


def summary(claims: Sequence[Claim], audits: Sequence[Audit]) -> list[str]:
    """Say how the claims fared: a sentence each."""
    said = []
    for claim in claims:
        system, baseline = claim.first.label, claim.second.label
        found = claim.judge(audits)
        points = f"area {show_difference(claim.area)} points" if claim.area else ""
        if is_open(found) and found != UNTRAINED:
            points = f" ({points})" if points else ""
            said.append(
                f"Whether {system} is harder to attack than {baseline} is {found}"
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
        more = claim.at_least(audits)
        points = "; ".join(filter(None, (points, more)))
        points = f" ({points})" if points else ""
        said.append(f"{system} is {judged} {baseline} here{points}.")
    return said


INTRODUCTION = (
    "Das & Chau (arXiv 2204.02381, abstract) report that multi-task learning with "
    "accent classification consistently makes attacks harder, with gains in AdvTWER "
    "from 17.25 points (over a single-task attention decoder) up to 59.90 (over "
    "single-task CTC), with a budget of their own. Corpus, models and budgets of the "
    "paper differ from those here: directions can be compared with its gains, sizes "
    "hardly."
)
HOW_JUDGED = (
    "At one budget a difference may say nothing: a large one breaks every system, a "
    "small one none. So that one system is harder to attack than another rests on "
    "the difference of the areas under two robustness curves: the share of "
    "utterances that resist, averaged over the logarithm of the budget. It counts "
    "as supported only if the whole 95 % interval is above 0 (paired, over "
    f"speakers), and the systems differ on at least {LEAST_VALUES} speakers. Beside "
    "it stand the differences of AdvTWER at each budget, with the strongest "
    "attacker on each side, who may ignore the accent branch. Nothing is judged "
    "without curves, where a gate of the audit says FAIL or NOT RUN of either "
    "system, or where a recogniser has most words wrong without any attack. Of "
    f"benign WERs those of the two systems count here: at most {MOST_WORSE:g} point "
    "apart. One gate is an exception: where `steps` says that more gradients would "
    "break more of the system that is easier to attack, the true difference is "
    "larger still. Nothing corrects for the number of comparisons."
)
SYNTHETIC = (
    "On a synthetic corpus such as mini_accent these numbers show how the procedure "
    "works; they are not evidence about human speech."
)


def claims_blocks(
    groups: Sequence[Group],
    curves: Sequence[GroupCurves],
    audits: Sequence[AuditGroup],
) -> list[Block]:
    """Write the section about the paper's claims, without its heading.

    It is empty if no claim can be tested.
    """
    blocks = comparison_blocks(groups, curves, audits, PAPER)
    return [Text(INTRODUCTION), *blocks] if blocks else []


def comparison_blocks(
    groups: Sequence[Group],
    curves: Sequence[GroupCurves],
    audits: Sequence[AuditGroup],
    comparisons: Comparisons,
) -> list[Block]:
    """Write which systems are harder to attack than others, without a heading.

    Args:
        comparisons: System, the one that it is compared with, and the paper's gain in
            points, "" where it says nothing.

    Returns:
        Nothing, if none of them can be compared.
    """
    audited = every_audit(audits)
    blocks: list[Block] = []
    for group in groups:
        claims = measure_claims(group, curves_of(group, curves), comparisons)
        if not claims:
            continue
        if len(groups) > 1:
            blocks.append(Heading(group.title, level=3))
        blocks += [Bullets(summary(claims, audited))]
        if branches := describe_branches(systems_of(claims)):
            blocks.append(Text(branches))
        blocks += [claims_table(group, claims, audited)]
        blocks += [Text(warning, warning=True) for warning in warnings(group)]
        blocks.append(Bullets([*caveats(group), SYNTHETIC]))
    return [Text(HOW_JUDGED), *blocks] if blocks else []
