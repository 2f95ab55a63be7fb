"""Robustness curves: AdvTWER against a budget that grows."""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, NullLocator

from espnet_mtl.report.norms import budget_name, decibels
from espnet_mtl.report.plot_style import (
    COLOURS,
    GREY,
    family_of,
    figure,
    legend_outside,
    looks_of_families,
)
from espnet_mtl.report.robustness.curves import GroupCurves
from espnet_mtl.results.curve import Curve

_AXIS = {
    "linf": "budget: largest sample, of full scale 1",
    "l2": "budget: L2 norm, of full scale 1",
    "snr": "budget: SNR in dB (stronger to the right)",
}
_SNR = "SNR of such perturbations"
_PALE = "#c8c8c8"
_IN_A_PANEL = 3  # curves with bands that can be told apart
_TICKS = 6  # of a small panel
_WIDE_TICKS = 10
_MARGIN_DB = 1.5
_AFTER_DB = 6.0  # of the axis where nothing happens any more
_LONGEST_INSIDE = 24  # characters of a name that fit into a panel
_STEPS = ((1,), (1, 3), (1, 2, 5), (1, 1.5, 2, 2.5, 3, 4, 5, 6, 8))  # ticks in a decade
_SPACINGS = (1, 2, 5, 10, 20, 50)  # of ticks in dB


@dataclass(frozen=True)
class _Line:
    label: str
    curve: Curve
    look: dict[str, Any]


@dataclass(frozen=True)
class _Panel:
    title: str
    lines: Sequence[_Line]
    others: Sequence[Curve] = field(default=())


def plot_curves(curves: GroupCurves, path: Path) -> None:
    """Draw the curve of every system with its band, twins in the same panel."""
    systems = curves.systems
    looks = looks_of_families([one.whole.system for one in systems])
    lines = [
        _Line(one.label, one.whole, look)
        for one, look in zip(systems, looks, strict=True)
    ]
    panels = [
        _Panel("", shown, [one.curve for one in lines if one not in shown])
        for shown in _share(lines)
    ]
    with _figure(panels, path) as (drawn, axes):
        for axis, panel in zip(axes, panels, strict=True):
            for line in panel.lines:
                _band(axis, line)
        _legends(drawn, axes, panels)


def plot_attackers(curves: GroupCurves, path: Path) -> None:
    """Draw a panel for each system, with every attacker's curve."""
    names = curves.attackers
    looks: dict[str, dict[str, Any]] = {
        name: {"color": COLOURS[number % len(COLOURS)], "marker": "o"}
        for number, name in enumerate(names)
    }
    panels = [
        _Panel(
            system.label,
            [_Line(n, curve, looks[n]) for n, curve in system.attackers.items()],
        )
        for system in curves.systems
        if system.attackers
    ]
    with _figure(panels, path) as (drawn, _):
        handles = [Line2D([], [], linewidth=2.0, **looks[name]) for name in names]
        handles.append(_dot())
        legend_outside(drawn, handles, [*names, "half of the utterances broken"])


def _share(lines: Sequence[_Line]) -> list[list[_Line]]:
    """Put lines into panels: families together, and several where there is room."""
    families: dict[str, list[_Line]] = {}
    for line in lines:
        families.setdefault(family_of(line.curve.system), []).append(line)
    panels: list[list[_Line]] = []
    for family in families.values():
        if panels and len(panels[-1]) + len(family) <= _IN_A_PANEL:
            panels[-1].extend(family)
        else:
            panels.append(list(family))
    return panels


@contextmanager
def _figure(
    panels: Sequence[_Panel], path: Path
) -> Iterator[tuple[Figure, list[Axes]]]:
    """Make a figure with all that the plots have in common, and save it in the end."""
    columns = 2 if len(panels) == 4 else min(len(panels), 3)
    is_single = len(panels) == 1
    size, ticks = ((8.0, 5.0), _WIDE_TICKS) if is_single else ((4.3, 4.0), _TICKS)
    every = [line.curve for panel in panels for line in panel.lines]
    end = _end(every)
    with figure(
        path, len(panels), columns, size, (0.4, 0.5), sharex=True, sharey=True
    ) as (drawn, axes):
        used = list(axes.flat[: len(panels)])
        for axis, panel in zip(used, panels, strict=True):
            for curve in panel.others:
                places = _xy(curve, end)
                axis.plot(*places, drawstyle="steps-post", color=_PALE, lw=0.9)
            for line in panel.lines:
                _curve(axis, line, end)
            _null(axis, every)
            _scales(axis, every, end, ticks)
            _snrs(axis, every, ticks, named=axis in used[:columns])
            axis.set_title(panel.title)
            axis.tick_params(labelbottom=True)  # the row below may be incomplete
        for axis in used[-columns:]:
            axis.set_xlabel(_AXIS.get(every[0].norm or "", "budget"))
        drawn.supylabel("AdvTWER (%), higher = attack failed", fontsize=10)
        yield drawn, used


def _end(curves: Sequence[Curve]) -> float:
    """The budget up to which curves are drawn: a little further than they change."""
    norm = curves[0].norm
    ends = [
        curve.strongest
        if curve.points[-1].broken < 100.0
        else _beyond(norm, curve.points[-1].budget, _AFTER_DB)
        for curve in curves
    ]
    last = max(ends, key=lambda budget: decibels(norm, budget))
    return _beyond(norm, last, _MARGIN_DB)


def _curve(axis: Axes, line: _Line, end: float) -> None:
    """A line with a marker where half of the utterances are broken."""
    curve = line.curve
    budgets, rates = _xy(curve, end)
    start = next(
        n for n, one in enumerate(curve.points) if one.budget == curve.all_from
    )
    # Place 0 is before the first budget; what all were attacked with begins there.
    start = start + 1 if start else 0
    options: dict[str, Any] = {"drawstyle": "steps-post", "color": line.look["color"]}
    axis.plot(budgets[start:], rates[start:], lw=2.0, label=line.label, **options)
    if start:
        before = slice(start + 1)
        axis.plot(budgets[before], rates[before], lw=1.4, ls=":", **options)
    for point in curve.points:
        if point.budget == curve.median.value:
            axis.plot(point.budget, point.adv_twer, linestyle="", **_marker(line))


def _marker(line: _Line) -> dict[str, Any]:
    return {"markersize": 7, "markeredgecolor": line.look["color"], **line.look}


def _xy(curve: Curve, end: float) -> tuple[list[float], list[float]]:
    """Places of the curve: before the first budget, at each, and where it ends."""
    norm, points = curve.norm, curve.points
    budgets = [_beyond(norm, points[0].budget, -_MARGIN_DB)]
    budgets += [*(point.budget for point in points), end]
    rates = [curve.null_twer, *(one.adv_twer for one in points), points[-1].adv_twer]
    return budgets, rates


def _beyond(norm: str | None, budget: float, decibel: float) -> float:
    """A budget that is stronger by so many dB."""
    return budget - decibel if norm == "snr" else budget * 10.0 ** (decibel / 20.0)


def _band(axis: Axes, line: _Line) -> None:
    first = decibels(line.curve.norm, line.curve.all_from)
    points = [
        (point.budget, *point.adv_twer_ci)
        for point in line.curve.points
        if point.adv_twer_ci and decibels(line.curve.norm, point.budget) >= first
    ]
    if points:
        points.append((axis.get_xlim()[1], *points[-1][1:]))
        budgets, lows, highs = zip(*points, strict=True)
        axis.fill_between(
            budgets,
            lows,
            highs,
            step="post",
            color=line.look["color"],
            alpha=0.15,
            linewidth=0,
        )


def _null(axis: Axes, curves: Sequence[Curve]) -> None:
    """Where the systems would be without any attack: a line, or a band."""
    nulls = [curve.null_twer for curve in curves]
    axis.axhspan(min(nulls), max(nulls), color=GREY, alpha=0.15, linewidth=0)
    middle = sum(nulls) / len(nulls)
    axis.axhline(middle, color=GREY, linestyle=":", linewidth=1.4)
    axis.annotate(
        "null: untouched audio",
        (1.0, max(nulls)),
        xycoords=("axes fraction", "data"),
        xytext=(-2, 3),
        textcoords="offset points",
        ha="right",
        va="bottom",
        fontsize=8.5,
        color=GREY,
    )


def _scales(axis: Axes, curves: Sequence[Curve], end: float, most: int) -> None:
    every = [budget for curve in curves for budget in _xy(curve, end)[0]]
    low, high = min(every), max(every)
    if curves[0].norm == "snr":
        ticks = _even_ticks(low, high, most)
        axis.set_xlim(high, low)
    else:
        ticks = _log_ticks(low, high, most)
        axis.set_xscale("log")
        axis.set_xlim(low, high)
    axis.xaxis.set_minor_locator(NullLocator())
    axis.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    rates = [rate for curve in curves for rate in _xy(curve, end)[1]]
    top = max(1.12 * max(rates), 1.0)
    axis.set_ylim(-0.015 * top, top)  # room for a marker at 0


def _log_ticks(low: float, high: float, most: int) -> list[float]:
    """Round numbers between two, as many as there is room for."""
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    found: list[float] = []
    for steps in _STEPS:
        ticks = [float(f"{step}e{decade}") for decade in decades for step in steps]
        ticks = [tick for tick in ticks if low <= tick <= high]
        if len(found) < 2 or len(ticks) <= most:
            found = ticks
    return found


def _even_ticks(low: float, high: float, most: int) -> list[float]:
    """Whole numbers at equal distances."""
    wide = high - low
    space = next((one for one in _SPACINGS if wide / one <= most), _SPACINGS[-1])
    first, last = math.ceil(low / space), math.floor(high / space)
    return [float(space * number) for number in range(first, last + 1)]


def _snrs(axis: Axes, curves: Sequence[Curve], most: int, named: bool) -> None:
    """A second axis on top: the SNR that a budget comes to."""
    norm = curves[0].norm
    known = [
        point.snr_db + decibels(norm, point.budget)
        for curve in curves
        for point in curve.points[:1]
        if point.snr_db is not None
    ]
    if norm == "snr" or not known:
        return
    at_full_scale = float(np.median(known))

    def to_snr(budgets: Any) -> Any:
        return at_full_scale - 20.0 * np.log10(np.maximum(budgets, 1e-30))

    def to_budget(snrs: Any) -> Any:
        return 10.0 ** ((at_full_scale - np.asarray(snrs)) / 20.0)

    top = axis.secondary_xaxis("top", functions=(to_snr, to_budget))
    top.spines["top"].set_visible(False)
    loud, quiet = sorted(float(to_snr(limit)) for limit in axis.get_xlim())
    ticks = _even_ticks(loud, quiet, most)
    top.xaxis.set_major_locator(FixedLocator(ticks))
    top.xaxis.set_minor_locator(NullLocator())
    top.set_xticks(ticks, [f"{tick:g} dB" for tick in ticks])
    top.tick_params("x", colors=GREY, labelsize=8.5)
    if named:
        top.set_xlabel(_SNR, fontsize=8.5, color=GREY)


def _legends(drawn: Figure, axes: Sequence[Axes], panels: Sequence[_Panel]) -> None:
    """Name the lines in their panels, or below all where names are too long."""
    every = [line for panel in panels for line in panel.lines]
    if max(len(line.label) for line in every) > _LONGEST_INSIDE:
        handles = [*map(_handle, every), _dot()]
        labels = [*(line.label for line in every), "half of the utterances broken"]
        legend_outside(drawn, handles, labels)
        return
    for axis, panel in zip(axes, panels, strict=True):
        handles = [_handle(line) for line in panel.lines]
        labels = [f"{line.label}: {_half(line.curve)}" for line in panel.lines]
        if panel.others:
            handles.append(Line2D([], [], color=_PALE))
            labels.append("the other systems")
        null = max(line.curve.null_twer for line in panel.lines)
        axis.legend(
            handles,
            labels,
            loc="best",
            bbox_to_anchor=(0.0, 0.0, 1.0, null / axis.get_ylim()[1]),
            fontsize=9,
        )


def _handle(line: _Line) -> Line2D:
    return Line2D([], [], linewidth=2.0, **_marker(line))


def _half(curve: Curve) -> str:
    if curve.median.value is None:
        return f"fewer than half broken up to {_short(curve, curve.strongest)}"
    first = curve.points[0].budget == curve.median.value
    return f"half broken {'by' if first else 'at'} {_short(curve, curve.median.value)}"


def _short(curve: Curve, budget: float) -> str:
    digits = 3 if curve.norm == "snr" else 2
    return budget_name(curve.norm, float(f"{budget:.{digits}g}"))


def _dot() -> Line2D:
    return Line2D([], [], color=GREY, marker="o", linestyle="", markersize=6)
