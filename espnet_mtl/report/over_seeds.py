"""Who is harder to attack, over several seeds of the training.

A difference between two trained models may be one of their seeds. Where the same
systems were trained, attacked and scored with several seeds, their differences are put
together, and the interval is over speakers and seeds.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from espnet_mtl.metrics.seeds import interval_over_seeds
from espnet_mtl.report.audit.audits import Audit, AuditGroup, every_audit, find_audit
from espnet_mtl.report.audit.gate import FAIL, NOT_RUN, PASS
from espnet_mtl.report.claims import (
    Claim,
    Comparisons,
    claims_table,
    summary,
    systems_of,
)
from espnet_mtl.report.comparison import Difference, PairedUtts, check_alike, pair
from espnet_mtl.report.document import Block, Bullets, Heading, Text
from espnet_mtl.report.groups import Group, SystemResult
from espnet_mtl.report.result_tables import show_difference
from espnet_mtl.report.robustness.curves import GroupCurves, common_span, curves_of
from espnet_mtl.report.second_task import describe_branches
from espnet_mtl.report.table import Table

HOW_TO_READ = (
    "Mean of the differences of all seeds, with 95 % intervals over speakers and seeds "
    "(Student's, with the variance over speakers plus that over seeds): they cover "
    "other trainings of the same systems as well. A claim rests on the audits of all "
    "seeds, and areas are those between the budgets that were searched in all of them. "
    "With few seeds the interval is wide where they differ."
)


_BADNESS = (PASS, NOT_RUN, FAIL)


@dataclass(frozen=True)
class _OneSeed:
    """A comparison in one seed: the areas, and word errors by budget."""

    seed: int
    first: SystemResult
    second: SystemResult
    area: PairedUtts | None
    budgets: dict[float, PairedUtts]


@dataclass(frozen=True)
class _Pooled:
    """A comparison in several seeds; its claim shows the first seed's systems."""

    claim: Claim
    seeds: Sequence[_OneSeed]


@dataclass(frozen=True)
class Family:
    """Groups that differ by the seed of the training alone.

    Attributes:
        groups: One for each seed, in their order.
        curves: Their robustness curves, of those that have some.
    """

    groups: Sequence[Group]
    curves: Sequence[GroupCurves]

    @property
    def title(self) -> str:
        """What they have in common, in words."""
        return f"set {self.groups[0].set_name}, {self.groups[0].attack_tag}"

    @property
    def span(self) -> tuple[float, float] | None:
        """Between which budgets areas are, in dB; ``None`` without curves."""
        return common_span(self.curves)

    def measure(
        self, comparisons: Comparisons, audits: Sequence[Audit]
    ) -> list[_Pooled]:
        """Compare systems over all seeds; nothing of those that have but one."""
        found = (_pool(self, comparison, audits) for comparison in comparisons)
        return [one for one in found if one]


def make_families(
    groups: Sequence[Group], curves: Sequence[GroupCurves]
) -> list[Family]:
    """Find the groups that have other seeds beside them."""
    alike: defaultdict[tuple[str, str, str | None], list[Group]] = defaultdict(list)
    for group in groups:
        if group.has_other_seeds:
            alike[group.set_name, group.attack_tag, group.norm].append(group)
    return [
        Family(
            sorted(members, key=lambda one: one.seed),
            [one for one in curves if one.group in members],
        )
        for members in alike.values()
    ]


def seed_blocks(
    families: Sequence[Family],
    audits: Sequence[AuditGroup],
    comparisons: Comparisons,
) -> list[Block]:
    """Write what comparisons say over all seeds, without a heading.

    Args:
        comparisons: See :func:`~espnet_mtl.report.claims.comparison_blocks`.

    Returns:
        Nothing, where no comparison was made with several seeds.
    """
    every = every_audit(audits)
    blocks: list[Block] = []
    for family in families:
        pooled = family.measure(comparisons, every)
        if not pooled:
            continue
        if len(families) > 1:
            blocks.append(Heading(family.title, level=3))
        blocks += _write(family.groups[0], pooled, every)
    return [*blocks, Text(HOW_TO_READ)] if blocks else []


def _write(
    group: Group, pooled: Sequence[_Pooled], audits: Sequence[Audit]
) -> list[Block]:
    blocks: list[Block] = []
    claims = [one.claim for one in pooled]
    blocks.append(Bullets(summary(claims, audits)))
    if branches := describe_branches(systems_of(claims)):
        blocks.append(Text(branches))
    blocks.append(claims_table(group, claims, audits))
    seeds = sorted({one.seed for each in pooled for one in each.seeds})
    rows = []
    for each in pooled:
        shown = {
            one.seed: show_difference(one.area.difference() if one.area else None)
            for one in each.seeds
        }
        names = f"{each.claim.first.label} − {each.claim.second.label}"
        rows.append([names, *(shown.get(seed, "-") for seed in seeds)])
    header = ["area [95 %, over speakers]", *(f"seed {seed}" for seed in seeds)]
    return [*blocks, Table(header, rows)]


def _worst_audits(
    seeds: Sequence[_OneSeed], audits: Sequence[Audit]
) -> Sequence[Audit]:
    """Make one audit of both systems, with the worst that each gate found in any seed.

    It is that of the first seed otherwise. A system without an audit in one of the
    seeds has none. Another comparison may have other seeds, and so other audits.
    """
    merged = []
    for systems in zip(*((one.first, one.second) for one in seeds), strict=True):
        found = [find_audit(audits, one.result) for one in systems]
        known = [audit for audit in found if audit]
        if len(known) == len(found):
            worst = {
                name: max(
                    (audit.findings[name] for audit in known),
                    key=lambda finding: _BADNESS.index(finding.verdict),
                )
                for name in known[0].findings
            }
            merged.append(replace(known[0], findings=worst))
    return merged


def _pool(
    family: Family, comparison: tuple[str, str, str], audits: Sequence[Audit]
) -> _Pooled | None:
    system, baseline, paper = comparison
    seeds: list[_OneSeed] = []
    for group in family.groups:
        # By one decoder in all seeds: the one that the first seed has.
        like = seeds[0] if seeds else None
        first = group.find(system, like=like.first if like else None)
        second = group.find(baseline, like=like.second if like else first)
        if first is None or second is None:
            continue
        if like and _decoders(first, second) != _decoders(like.first, like.second):
            continue
        mine = curves_of(group, family.curves)
        found = {b: pair(first, second, b) for b in group.budgets}
        budgets = {budget: one for budget, one in found.items() if one}
        area = mine.pair(first, second, family.span) if mine else None
        if area or budgets:
            seeds.append(_OneSeed(group.seed, first, second, area, budgets))
    if len({one.seed for one in seeds}) < 2:
        return None
    for one in seeds[1:]:
        check_alike(seeds[0].first, one.first)
        check_alike(seeds[0].second, one.second)
    areas = [one.area for one in seeds]
    claim = Claim(
        seeds[0].first,
        seeds[0].second,
        paper,
        _over_seeds(areas),
        [
            _over_seeds([one.budgets.get(budget) for one in seeds])
            for budget in family.groups[0].budgets
        ],
        audits=_worst_audits(seeds, audits),
        other_seeds=[system for one in seeds[1:] for system in (one.first, one.second)],
    )
    return _Pooled(claim, seeds)


def _decoders(*systems: SystemResult) -> list[str]:
    return [one.clean.decoder for one in systems]


def _over_seeds(found: Sequence[PairedUtts | None]) -> Difference | None:
    """Put the pairs of several seeds together: of utterances that are in all."""
    pairs = [one for one in found if one]
    if len(pairs) < len(found):
        return None
    common = sorted(set.intersection(*(set(one.utts) for one in pairs)))
    if not common:
        return None
    rows = [[one.utts.index(utt) for utt in common] for one in pairs]
    first, second = (
        np.array(
            [
                [getattr(one, which)[row] for row in chosen]
                for one, chosen in zip(pairs, rows, strict=True)
            ],
            dtype=float,
        )
        for which in ("first", "second")
    )
    totals = [pairs[0].totals[row] for row in rows[0]]
    speakers = [pairs[0].speakers[row] for row in rows[0]]
    interval = interval_over_seeds(first - second, np.array(totals), np.array(speakers))
    return PairedUtts(
        common,
        first.mean(axis=0).tolist(),
        second.mean(axis=0).tolist(),
        totals,
        speakers,
    ).with_interval(interval)
