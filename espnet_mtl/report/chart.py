"""The curves that the page draws: lines, bands and ticks as shares of the plot.

Places are in percent of the plot's width and height, from its upper left corner, so
that a browser can stretch it to any size.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from espnet_mtl.report.groups import Group, SystemResult
from espnet_mtl.report.looks import Look, looks_of_families, share_panels
from espnet_mtl.report.norms import budget_name, decibels, from_decibels, strength
from espnet_mtl.report.robustness.curves import GroupCurves
from espnet_mtl.report.robustness.drawn import (
    band_of,
    end_of,
    half_broken,
    places_of,
    snr_at_full_scale,
    start_of,
)
from espnet_mtl.report.ticks import beyond, budget_ticks, even_ticks
from espnet_mtl.results.attack_scores import Row

_TICKS = 5
_HEADROOM = 1.12  # above the highest value
_MARGIN_DB = 3.0  # beside the first and the last budget, where lines are straight
_AXIS = {
    "linf": "budget: largest sample of the noise, of full scale 1",
    "l2": "budget: L2 norm of the noise, of full scale 1",
    "snr": "budget: dB below the speech (SNR), stronger to the right",
}
Points = Sequence[tuple[float, float]]
Band = Sequence[tuple[float, float, float]]
_Rate = tuple[float, float | None, tuple[float, float] | None]


@dataclass(frozen=True)
class Line:
    """One line, before it is placed.

    Attributes:
        note: What is said beside its label.
        points: (budget, value), from weak to strong.
        band: (budget, low, high).
        sparse: How many points at the start are of a part of the utterances only.
        mark: The point that is marked; ``None`` for none.
    """

    system: str
    label: str
    note: str
    points: Points
    band: Band
    sparse: int = 0
    mark: tuple[float, float] | None = None


@dataclass(frozen=True)
class Words:
    """What a chart says of its values.

    Attributes:
        title: What is to be seen, in a sentence.
        value: What the values are.
        higher: What a higher value means.
        goal: Where the attacker wants to get, from untouched audio.
    """

    title: str
    value: str
    higher: str
    goal: str


_TARGETED = Words(
    "The louder the noise, the more of the attacker's words are heard",
    "AdvTWER, %",
    "the attack failed, 0 = the attacker gets every word",
    "↓ the attacker gets more words",
)
_UNTARGETED = Words(
    "The louder the noise, the more words are heard wrongly",
    "AdvWER, %",
    "more words are wrong",
    "↑ more words are wrong",
)


@dataclass(frozen=True)
class Axes:
    """What all panels have in common.

    Attributes:
        norm: That of the budgets.
        span: The first and the last budget.
        steps: Whether a line keeps its value up to the next point.
        null: The lowest and the highest value of untouched audio.
        snr: SNR of perturbations at 0 dB of the axis; ``None`` where unknown.
        words: What the values are.
    """

    norm: str | None
    span: tuple[float, float]
    steps: bool
    null: tuple[float, float]
    snr: float | None
    words: Words


@dataclass(frozen=True)
class Drawn:
    """One line of a panel, placed: paths as SVG writes them."""

    label: str
    note: str
    look: Look
    path: str
    sparse: str
    band: str
    mark: tuple[float, float] | None


@dataclass(frozen=True)
class Panel:
    """Lines in one frame; ``others`` are the lines of the other panels."""

    lines: Sequence[Drawn]
    others: Sequence[str]


@dataclass(frozen=True)
class Chart:
    """A plot of one or more panels with the same axes.

    Attributes:
        description: What is to be seen, for who cannot see it.
        x_ticks: (place, text), below; ``top_ticks`` the same, above.
        null: Places of the band of untouched audio: its top and its bottom.
    """

    words: Words
    description: str
    axis: str
    panels: Sequence[Panel]
    x_ticks: Sequence[tuple[float, str]]
    top_ticks: Sequence[tuple[float, str]]
    y_ticks: Sequence[tuple[float, str]]
    null: tuple[float, float]

    @property
    def has_marks(self) -> bool:
        """Whether any line says where half of the recordings are broken."""
        return any(line.mark for panel in self.panels for line in panel.lines)


def curve_chart(curves: GroupCurves) -> Chart:
    """Place the robustness curves of systems that are compared."""
    every = [one.whole for one in curves.systems]
    end = end_of(every)
    lines = []
    for one in curves.systems:
        curve = one.whole
        budgets, rates = places_of(curve, end)
        half = [p for p in curve.points if p.budget == curve.median.value]
        lines.append(
            Line(
                system=curve.system,
                label=one.label,
                note=half_broken(curve),
                points=list(zip(budgets, rates, strict=True)),
                band=_to_the_end(band_of(curve), end),
                sparse=start_of(curve),
                mark=(half[0].budget, half[0].adv_twer) if half else None,
            )
        )
    nulls = [curve.null_twer for curve in every]
    axes = Axes(
        norm=every[0].norm,
        span=_span(every[0].norm, lines),
        steps=True,
        null=(min(nulls), max(nulls)),
        snr=snr_at_full_scale(every),
        words=_TARGETED,
    )
    return _place(lines, axes)


def budget_chart(group: Group) -> Chart | None:
    """Place error rates at the attack's budgets: AdvTWER, or AdvWER without a target.

    Returns:
        ``None`` where no attack wants other words to be heard, or without budgets that
        have a place on the axis.
    """
    nulls, lines = [], []
    for system in group.systems:
        clean, rates = system.clean, list(_rates(group, system))
        null = clean.null_twer if group.budgets else clean.benign_wer
        points = [(budget, rate) for budget, rate, _ in rates if rate is not None]
        if not points or null is None:
            continue
        band = [(budget, *ends) for budget, _, ends in rates if ends]
        note = f"{points[-1][1]:.1f} % at {group.budget_name(points[-1][0])}"
        lines.append(Line(system.system, system.label, note, points, band))
        nulls.append(null)
    budgets = [budget for line in lines for budget, _ in line.points]
    if not budgets or (group.norm != "snr" and min(budgets) <= 0.0):
        return None
    low, high = _span(group.norm, lines)
    axes = Axes(
        norm=group.norm,
        span=(
            beyond(group.norm, low, -_MARGIN_DB),
            beyond(group.norm, high, _MARGIN_DB),
        ),
        steps=False,
        null=(min(nulls), max(nulls)),
        snr=None,
        words=_TARGETED if group.budgets else _UNTARGETED,
    )
    return _place(lines, axes)


def _rates(group: Group, system: SystemResult) -> Iterator[_Rate]:
    """Yield budget, error rate and interval of a system, from weak to strong."""
    if not group.budgets:
        for row in _away(system):
            yield row.budget, row.adv_wer, row.adv_wer_ci
    for budget in group.budgets:
        if strongest := system.strongest(budget):
            yield budget, strongest.adv_twer, strongest.adv_twer_ci


def _away(system: SystemResult) -> list[Row]:
    """The rows that did most damage, at each budget from weak to strong."""
    most: dict[float, Row] = {}
    for row in system.untargeted:
        if row.words == "away" and row.adv_wer is not None:
            known = most.get(row.budget)
            if known is None or (known.adv_wer or 0.0) < row.adv_wer:
                most[row.budget] = row
    return sorted(most.values(), key=lambda row: strength(row.norm, row.budget))


def _to_the_end(band: Band, end: float) -> Band:
    return [*band, (end, *band[-1][1:])] if band else []


def _span(norm: str | None, lines: Sequence[Line]) -> tuple[float, float]:
    every = [budget for line in lines for budget, _ in line.points]
    return (
        min(every, key=lambda budget: decibels(norm, budget)),
        max(every, key=lambda budget: decibels(norm, budget)),
    )


def _place(lines: Sequence[Line], axes: Axes) -> Chart:
    placer = _Placer(axes, _HEADROOM * max(axes.null[1], _highest(lines), 1.0))
    names = [line.system for line in lines]
    looks = looks_of_families(names)
    drawn = [placer.draw(line, look) for line, look in zip(lines, looks, strict=True)]
    panels = [
        Panel(
            [drawn[place] for place in places],
            [one.path for number, one in enumerate(drawn) if number not in places],
        )
        for places in share_panels(names)
    ]
    said = "; ".join(f"{line.label}: {line.note}" for line in lines)
    return Chart(
        words=axes.words,
        description=f"{axes.words.title}. {said}.",
        axis=_AXIS.get(axes.norm or "", "budget"),
        panels=panels,
        x_ticks=placer.x_ticks(),
        top_ticks=placer.top_ticks(),
        y_ticks=placer.y_ticks(),
        null=(placer.y(axes.null[1]), placer.y(axes.null[0])),
    )


def _highest(lines: Sequence[Line]) -> float:
    return max(value for line in lines for _, value in line.points)


class _Placer:
    def __init__(self, axes: Axes, top: float):
        self._axes, self._top = axes, top
        self._low, self._high = (decibels(axes.norm, one) for one in axes.span)

    def x(self, budget: float) -> float:
        place = decibels(self._axes.norm, budget)
        return round(100.0 * (place - self._low) / (self._high - self._low), 2)

    def y(self, value: float) -> float:
        return round(100.0 - 100.0 * value / self._top, 2)

    def draw(self, line: Line, look: Look) -> Drawn:
        return Drawn(
            label=line.label,
            note=line.note,
            look=look,
            path=self._path(line.points[line.sparse :]),
            sparse=self._path(line.points[: line.sparse + 1]) if line.sparse else "",
            band=self._band(line.band),
            mark=line.mark and (self.x(line.mark[0]), self.y(line.mark[1])),
        )

    def _path(self, points: Points) -> str:
        """Write a line; steps go to the next budget first, then to its value."""
        parts = []
        for number, (budget, value) in enumerate(points):
            x, y = self.x(budget), self.y(value)
            if number == 0:
                parts.append(f"M{x:g} {y:g}")
            elif self._axes.steps:
                parts.append(f"H{x:g}V{y:g}")
            else:
                parts.append(f"L{x:g} {y:g}")
        return "".join(parts)

    def _band(self, band: Band) -> str:
        if len(band) < 2:
            return ""
        there = self._path([(budget, high) for budget, _, high in band])
        # Back along the lower end: a step there is a step here the other way round.
        back = []
        for number, (budget, low, _) in enumerate(reversed(band)):
            x, y = self.x(budget), self.y(low)
            if self._axes.steps and number:
                back.append(f"V{y:g}H{x:g}")
            else:
                back.append(f"L{x:g} {y:g}")
        return f"{there}{''.join(back)}Z"

    def x_ticks(self) -> list[tuple[float, str]]:
        ticks = budget_ticks(self._axes.norm, *self._axes.span, _TICKS)
        return [(self.x(tick), budget_name(self._axes.norm, tick)) for tick in ticks]

    def top_ticks(self) -> list[tuple[float, str]]:
        snr = self._axes.snr
        if snr is None:
            return []
        ticks = even_ticks(snr - self._high, snr - self._low, _TICKS)
        norm = self._axes.norm
        return [
            (self.x(from_decibels(norm, snr - tick)), f"{tick:g} dB")
            for tick in reversed(ticks)
        ]

    def y_ticks(self) -> list[tuple[float, str]]:
        return [(self.y(tick), f"{tick:g}") for tick in even_ticks(0, self._top, 6)]
