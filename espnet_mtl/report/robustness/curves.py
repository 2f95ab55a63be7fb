"""The robustness curves of systems that are compared: all, by accent, by attacker."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from statistics import mean

from espnet_mtl.metrics.bootstrap import Interval
from espnet_mtl.report.comparison import (
    Difference,
    PairedUtts,
    check_settings,
    check_targets,
)
from espnet_mtl.report.groups import Group, SystemResult
from espnet_mtl.report.norms import decibels, from_decibels
from espnet_mtl.report.robustness.search import Search, read_searches, worst_cases
from espnet_mtl.report.robustness.steps import Steps
from espnet_mtl.results.attack_scores import Row
from espnet_mtl.results.curve import Curve, Limits, Median, Point


@dataclass(frozen=True)
class SystemCurves:
    """The curves of one system.

    Attributes:
        label: The system's name in tables.
        whole: Over all utterances; of several attackers, the lower envelope.
        accents: By accent, sorted; none where only one is known.
        attackers: Each attacker's own, by its name; none where there is one only.
        steps: What ``whole`` was made of, utterance by utterance.
    """

    label: str
    whole: Curve
    accents: dict[str, Curve]
    attackers: dict[str, Curve]
    steps: Steps = field(repr=False)


@dataclass(frozen=True)
class GroupCurves:
    """The curves of systems that can be compared.

    Attributes:
        span: Between which budgets, in dB, all systems were searched; empty where the
            first is not below the second.
    """

    group: Group
    systems: Sequence[SystemCurves]
    span: tuple[float, float]

    @property
    def every(self) -> list[Curve]:
        """All curves, in the order of ``curve.json``."""
        return [
            curve
            for system in self.systems
            for curve in (
                system.whole,
                *system.accents.values(),
                *system.attackers.values(),
            )
        ]

    @property
    def accents(self) -> list[str]:
        """All accents, sorted."""
        return sorted({name for one in self.systems for name in one.accents})

    @property
    def attackers(self) -> list[str]:
        """All attackers, in the order of the configuration."""
        names = (name for one in self.systems for name in one.attackers)
        return list(dict.fromkeys(names))

    def compare(self, first: SystemResult, second: SystemResult) -> Difference | None:
        """Return the difference of the areas under two curves, in points.

        The interval is that of a bootstrap over speakers, as in
        :func:`~espnet_mtl.report.comparison.compare`.

        Returns:
            The first system's minus the second's; ``None`` if one of them has no curve,
            they have no utterance in common, or there is no span to average over.

        Raises:
            UserError: If the searches had other settings or targets.
        """
        pairs = self.pair(first, second)
        return pairs.difference() if pairs else None

    def pair(
        self,
        first: SystemResult,
        second: SystemResult,
        span: tuple[float, float] | None = None,
    ) -> PairedUtts | None:
        """Pair the areas of the utterances that both systems were attacked on.

        Args:
            span: Between which budgets, in dB, if not those of all systems here.

        Returns, raises: as :meth:`compare`.
        """
        span = span or self.span
        if span[0] >= span[1]:
            return None
        steps = {one.label: one.steps for one in self.systems}
        if not {first.label, second.label} <= steps.keys():
            return None
        check_settings(first, second, *(searches_of(one) for one in (first, second)))
        lasted = [
            dict(zip([o.utt for o in one.searches], one.lasted(*span), strict=True))
            for one in (steps[first.label], steps[second.label])
        ]
        common = sorted(lasted[0].keys() & lasted[1].keys())
        if not common:
            return None
        scores, others = (one.result.scores_of(one.clean) for one in (first, second))
        check_targets(first, second, ((scores[utt], others[utt]) for utt in common))
        mine, other = ([float(one[utt]) for utt in common] for one in lasted)
        speakers = [scores[utt].spk for utt in common]
        return PairedUtts(common, mine, other, [1] * len(common), speakers)


def curves_of(group: Group, curves: Sequence[GroupCurves]) -> GroupCurves | None:
    """Find the robustness curves of a group; ``None`` if there are none."""
    return next((one for one in curves if one.group is group), None)


def common_span(curves: Sequence[GroupCurves]) -> tuple[float, float] | None:
    """Return between which budgets, in dB, the systems of all groups were searched.

    A point of an area is a hundredth of its span, so areas over several spans cannot be
    put together. ``None`` without groups.
    """
    if not curves:
        return None
    spans = [one.span for one in curves]
    return max(low for low, _ in spans), min(high for _, high in spans)


def make_curves(group: Group) -> GroupCurves | None:
    """Make the curves of systems that are compared.

    Returns:
        ``None`` where no system has one: no trial looked for the smallest budgets, its
        records are gone, or no utterance counts.

    Raises:
        UserError: If a record is damaged.
    """
    found = {system.label: _read(system) for system in group.systems}
    if not any(found.values()):
        return None
    spans = [
        _span(system, row, steps)
        for system in group.systems
        for row, steps in found[system.label]
    ]
    span = max(low for low, _ in spans), min(high for _, high in spans)
    systems = [
        _Maker(system, span).make(found[system.label])
        for system in group.systems
        if found[system.label]
    ]
    return GroupCurves(group, systems, span)


_DOUBLE = 20.0 * math.log10(2.0)  # dB from a budget to twice as large a one

_Found = list[tuple[Row, Steps]]


def _read(system: SystemResult) -> _Found:
    """Read a system's searches for the smallest budgets; none where nothing counts."""
    if not system.result.records:
        return []
    return [
        (row, Steps(row.norm, read_searches(system.result, row)))
        for row in searches_of(system)
    ]


def searches_of(system: SystemResult) -> list[Row]:
    """Return the rows of a system's searches for the smallest budgets."""
    return [
        row
        for row in system.result.of("curve")
        if row.norm == system.norm and row.words == "target" and row.n
    ]


def _span(system: SystemResult, row: Row, steps: Steps) -> tuple[float, float]:
    """Between which budgets, in dB, an attack has looked for the smallest ones.

    These are the attack's own budgets, and beyond them as far as its ``curve`` says;
    so the area does not depend on what was found.
    """
    places = [
        decibels(row.norm, one.budget)
        for one in system.attacked
        if (one.attack, one.attacker) == (row.attack, row.attacker)
    ] or [decibels(row.norm, row.budget)]
    curve = row.settings.get("curve", {})
    low, high = steps.known()
    return (
        max(low, min(places) - _DOUBLE * curve.get("halvings", 0)),
        min(high, max(places) + _DOUBLE * curve.get("doublings", 0)),
    )


class _Maker:
    def __init__(self, system: SystemResult, span: tuple[float, float]):
        self._system = system
        self._span = span
        self._weakest, self._strongest = (
            from_decibels(system.norm, place) for place in span
        )

    def make(self, found: _Found) -> SystemCurves:
        norm = self._system.norm
        worst = worst_cases([steps.searches for _, steps in found], norm)
        whole = Steps(norm, worst)
        rows = [row for row, _ in found]
        by_accent: dict[str, list[Search]] = {}
        for one in sorted(worst, key=lambda one: one.accent):
            by_accent.setdefault(one.accent, []).append(one)
        accents = {
            accent: self._curve(rows, Steps(norm, searches), accent=accent)
            for accent, searches in by_accent.items()
            if len(by_accent) > 1
        }
        attackers = {
            name: self._curve([row], steps, envelope=whole)
            for name, (row, steps) in zip(_names(rows), found, strict=True)
            if len(found) > 1
        }
        return SystemCurves(
            self._system.label, self._curve(rows, whole), accents, attackers, whole
        )

    def _curve(
        self,
        rows: Sequence[Row],
        steps: Steps,
        *,
        accent: str | None = None,
        envelope: Steps | None = None,
    ) -> Curve:
        about, is_one = self._system.clean, len(rows) == 1
        has_span = self._span[0] < self._span[1]
        area = steps.area(*self._span) if has_span else None
        optimality = math.nan
        if envelope and has_span:
            optimality = steps.optimality(envelope, *self._span)
        null = sum(one.null for one in steps.searches)
        return Curve(
            system=about.system,
            seed=about.seed,
            decoder=about.decoder,
            set=about.set,
            attack_tag=self._system.result.scores.attack_tag,
            norm=self._system.norm,
            trials=tuple(row.trial for row in rows),
            attack=rows[0].attack if is_one else None,
            attacker=rows[0].attacker if is_one else None,
            accent=accent,
            n=len(steps.searches),
            speakers=len(set(steps.speakers)),
            not_broken=steps.resisting(self._strongest),
            unconfirmed=sum(not one.confirmed for one in steps.searches),
            within=steps.within(),
            gradients=mean(one.gradients for one in steps.searches),
            decodings=mean(one.decodings for one in steps.searches),
            weakest=self._weakest,
            strongest=self._strongest,
            all_from=steps.all_from,
            null_twer=100.0 * null / int(steps.words.sum()),
            median=_median_budget(steps),
            median_snr_db=_median_snr(steps),
            area=area.estimate if area else None,
            area_ci=_limits(area) if area else None,
            optimality=None if math.isnan(optimality) else optimality,
            points=tuple(_points(steps)),
        )


def _names(rows: Sequence[Row]) -> list[str]:
    """Name attackers: by the attack alone, where that tells them apart."""
    attacks = [row.attack for row in rows]
    pairs = [" ".join(filter(None, (row.attack, row.attacker))) for row in rows]
    for names in (attacks, pairs):
        if len(set(names)) == len(rows):
            return names
    return [row.trial for row in rows]


def _points(steps: Steps) -> Iterable[Point]:
    at_0_db = steps.full_scale_db()
    for budget, broken, twer in zip(
        steps.budgets, steps.broken(), steps.adv_twer(), strict=True
    ):
        place = decibels(steps.norm, budget)
        yield Point(
            budget=budget,
            snr_db=None if at_0_db is None else at_0_db - place,
            broken=broken.estimate,
            broken_ci=_limits(broken),
            adv_twer=twer.estimate,
            adv_twer_ci=_limits(twer),
        )


def _median_budget(steps: Steps) -> Median:
    """The median as a budget: one of those that were tried."""
    saved = (one.saved for one in steps.searches if one.broken)
    budgets = {decibels(steps.norm, budget): budget for budget in saved}
    found = steps.median_db()
    value, low, high = (budgets.get(place) for place in found)
    if steps.norm == "snr":  # fewer dB are a larger budget
        low, high = high, low
    ends = None if math.isnan(found.low) else (low, high)
    return _median(value, ends, [one.saved for one in steps.bounds])


def _median_snr(steps: Steps) -> Median:
    found = steps.median_snr()
    value, low, high = (one if math.isfinite(one) else None for one in found)
    ends = None if math.isnan(found.low) else (low, high)
    return _median(value, ends, [one.snr_db for one in steps.bounds])


def _median(
    value: float | None,
    ends: tuple[float | None, float | None] | None,
    bounds: Iterable[float | None],
) -> Median:
    shown = {one for one in (value, *(ends or ())) if one is not None}
    return Median(
        value=value, ci=ends, bounds=tuple(sorted(shown.intersection(bounds)))
    )


def _limits(interval: Interval) -> Limits | None:
    return None if math.isnan(interval.low) else (interval.low, interval.high)
