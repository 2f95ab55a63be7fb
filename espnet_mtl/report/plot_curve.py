"""Robustness curves: AdvTWER against a budget that grows."""

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

from espnet_mtl.report.looks import look_of, looks_of_families, share_panels
from espnet_mtl.report.plot_style import GREY, figure, legend_outside, style_of
from espnet_mtl.report.robustness.curves import GroupCurves
from espnet_mtl.report.robustness.drawn import (
    band_of,
    end_of,
    half_broken,
    places_of,
    snr_at_full_scale,
    start_of,
)
from espnet_mtl.report.ticks import budget_ticks, even_ticks
from espnet_mtl.results.curve import Curve

_AXIS = {
    "linf": "budget: largest sample, of full scale 1",
    "l2": "budget: L2 norm, of full scale 1",
    "snr": "budget: SNR in dB (stronger to the right)",
}
_SNR = "SNR of such perturbations"
_PALE = "#c8c8c8"
_TICKS = 6  # of a small panel
_WIDE_TICKS = 10
_LONGEST_INSIDE = 24  # characters of a name that fit into a panel


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
    names = [one.whole.system for one in systems]
    lines = [
        _Line(one.label, one.whole, style_of(look))
        for one, look in zip(systems, looks_of_families(names), strict=True)
    ]
    panels = []
    for places in share_panels(names):
        shown = [lines[place] for place in places]
        others = [line.curve for line in lines if line not in shown]
        panels.append(_Panel("", shown, others))
    with _figure(panels, path) as (drawn, axes):
        for axis, panel in zip(axes, panels, strict=True):
            for line in panel.lines:
                _band(axis, line)
        _legends(drawn, axes, panels)


def plot_attackers(curves: GroupCurves, path: Path) -> None:
    """Draw a panel for each system, with every attacker's curve."""
    names = curves.attackers
    looks = {name: style_of(look_of(n)) for n, name in enumerate(names)}
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


@contextmanager
def _figure(
    panels: Sequence[_Panel], path: Path
) -> Iterator[tuple[Figure, list[Axes]]]:
    """Make a figure with all that the plots have in common, and save it in the end."""
    columns = 2 if len(panels) == 4 else min(len(panels), 3)
    is_single = len(panels) == 1
    size, ticks = ((8.0, 5.0), _WIDE_TICKS) if is_single else ((4.3, 4.0), _TICKS)
    every = [line.curve for panel in panels for line in panel.lines]
    end = end_of(every)
    with figure(
        path, len(panels), columns, size, (0.4, 0.5), sharex=True, sharey=True
    ) as (drawn, axes):
        used = list(axes.flat[: len(panels)])
        for axis, panel in zip(used, panels, strict=True):
            for curve in panel.others:
                places = places_of(curve, end)
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


def _curve(axis: Axes, line: _Line, end: float) -> None:
    """A line with a marker where half of the utterances are broken."""
    curve = line.curve
    budgets, rates = places_of(curve, end)
    start = start_of(curve)
    options: dict[str, Any] = {"drawstyle": "steps-post", **line.look}
    options["marker"] = None
    axis.plot(budgets[start:], rates[start:], lw=2.0, label=line.label, **options)
    if start:
        before = slice(start + 1)
        axis.plot(budgets[before], rates[before], lw=0.8, **options)
    for point in curve.points:
        if point.budget == curve.median.value:
            marker = {**line.look, "linestyle": "", "markersize": 7}
            axis.plot(point.budget, point.adv_twer, **marker)


def _band(axis: Axes, line: _Line) -> None:
    points = band_of(line.curve)
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
    every = [budget for curve in curves for budget in places_of(curve, end)[0]]
    low, high = min(every), max(every)
    ticks = budget_ticks(curves[0].norm, low, high, most)
    if curves[0].norm == "snr":
        axis.set_xlim(high, low)
    else:
        axis.set_xscale("log")
        axis.set_xlim(low, high)
    axis.xaxis.set_minor_locator(NullLocator())
    axis.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    rates = [rate for curve in curves for rate in places_of(curve, end)[1]]
    top = max(1.12 * max(rates), 1.0)
    axis.set_ylim(-0.015 * top, top)  # room for a marker at 0


def _snrs(axis: Axes, curves: Sequence[Curve], most: int, named: bool) -> None:
    """A second axis on top: the SNR that a budget comes to."""
    at_full_scale = snr_at_full_scale(curves)
    if at_full_scale is None:
        return

    def to_snr(budgets: Any) -> Any:
        return at_full_scale - 20.0 * np.log10(np.maximum(budgets, 1e-30))

    def to_budget(snrs: Any) -> Any:
        return 10.0 ** ((at_full_scale - np.asarray(snrs)) / 20.0)

    top = axis.secondary_xaxis("top", functions=(to_snr, to_budget))
    top.spines["top"].set_visible(False)
    loud, quiet = sorted(float(to_snr(limit)) for limit in axis.get_xlim())
    ticks = even_ticks(loud, quiet, most)
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
        # In two lines each: a wide legend would have to lie on the curves.
        labels = [f"{line.label}:\n{half_broken(line.curve)}" for line in panel.lines]
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
    return Line2D([], [], linewidth=2.0, markersize=7, **line.look)


def _dot() -> Line2D:
    return Line2D([], [], color=GREY, marker="o", linestyle="", markersize=6)
