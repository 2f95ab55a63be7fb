"""AdvTWER against the attack's budget."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, NullLocator

from espnet_mtl.report.groups import Group
from espnet_mtl.report.looks import look_of
from espnet_mtl.report.plot_style import GREY, figure, legend_outside, style_of
from espnet_mtl.results.attack_scores import Row

_AXIS = {
    "linf": "budget: largest sample of the perturbation (full scale = 1)",
    "l2": "budget: L2 norm of the perturbation",
    "snr": "budget: signal-to-noise ratio in dB (stronger to the right)",
}

# Thin, in the same colour
_NOISE: dict[str, Any] = {
    "linewidth": 0.8,
    "alpha": 0.6,
    "markersize": 3,
}


def plot_budgets(group: Group, path: Path) -> None:
    """Draw every system under its strongest attacker, with the noise control."""
    with figure(path, 1, 1, (8.0, 5.0)) as (drawn, axes):
        axis = axes[0, 0]
        for number, system in enumerate(group.systems):
            rows = [system.strongest(budget) for budget in group.budgets]
            _line(axis, rows, number, label=system.label)
            _line(axis, system.noise, number, **_NOISE)
        _null(axis, group)
        _scales(axis, group)
        axis.set_title("Strongest attacker on each system")
        axis.set_ylabel("AdvTWER (%), higher = attack failed")
        _legend(drawn, axis, noise=any(system.noise for system in group.systems))


def plot_attackers(group: Group, path: Path) -> None:
    """Draw one panel for each attacker."""
    names = group.attackers
    columns = 2 if len(names) == 4 else min(len(names), 3)
    with figure(
        path, len(names), columns, (4.0, 3.6), (1.8, 0.4), sharex=True, sharey=True
    ) as (drawn, axes):
        used = axes.flat[: len(names)]
        for axis, name in zip(used, names, strict=True):
            for number, system in enumerate(group.systems):
                rows = [
                    row for row in system.attacked if name in system.attackers_of(row)
                ]
                _line(axis, rows, number, label=system.label)
            _null(axis, group)
            _scales(axis, group)
            axis.set_title(f"attacker: {name}")
            axis.set_xlabel("")
        for axis in used[-columns:]:
            axis.tick_params(labelbottom=True)  # the row below may be incomplete
        drawn.set_layout_engine("constrained", wspace=0.08)
        drawn.supxlabel(_axis_name(group), fontsize=10)
        drawn.supylabel("AdvTWER (%), higher = attack failed", fontsize=10)
        _legend(drawn, axes.flat[0], noise=False)


def _line(axis: Axes, rows: Sequence[Row | None], number: int, **options: Any) -> None:
    points = sorted(
        (row.budget, row.adv_twer)
        for row in rows
        if row is not None and row.adv_twer is not None
    )
    if points:
        options = {
            "linewidth": 1.8,
            "markersize": 6,
            **style_of(look_of(number)),
            **options,
        }
        axis.plot(*zip(*points, strict=True), **options)


def _null(axis: Axes, group: Group) -> None:
    """Where the systems would be without any attack: a line, or a band."""
    rates = (system.clean.null_twer for system in group.systems)
    nulls = [rate for rate in rates if rate is not None]
    if nulls:
        axis.axhspan(min(nulls), max(nulls), color=GREY, alpha=0.15, linewidth=0)
        middle = sum(nulls) / len(nulls)
        axis.axhline(middle, color=GREY, linestyle=":", linewidth=1.4)


def _axis_name(group: Group) -> str:
    return _AXIS.get(group.norm or "", "budget")


def _scales(axis: Axes, group: Group) -> None:
    budgets = group.budgets
    if group.norm == "snr":
        axis.xaxis.set_inverted(True)  # panels share it: not a second time back
    elif min(budgets) > 0:
        axis.set_xscale("log")
    axis.xaxis.set_major_locator(FixedLocator(budgets))
    axis.xaxis.set_minor_locator(NullLocator())
    axis.set_xticks(budgets, [f"{budget:g}" for budget in budgets])
    if len(budgets) > 5:
        axis.tick_params("x", rotation=45)
    if len(budgets) == 1:  # a log axis around one point has no width of its own
        low, high = (budgets[0] - 5, budgets[0] + 5)
        if group.norm != "snr":
            low, high = budgets[0] / 2, budgets[0] * 2
        axis.set_xlim((high, low) if group.norm == "snr" else (low, high))
    axis.set_xlabel(_axis_name(group))
    _headroom(axis)


def _headroom(axis: Axes) -> None:
    """Start at 0 and leave room for a marker above the highest point.

    Matplotlib's margin is a share of the points' range, which may be much smaller than
    that from 0. Panels that share the axis keep the highest limit.
    """
    low, high = axis.get_ylim()
    low, highest = min(0.0, low), axis.dataLim.ymax
    axis.set_ylim(low, max(high, highest + 0.05 * (highest - low)))


def _legend(drawn: Figure, axis: Axes, noise: bool) -> None:
    handles, labels = axis.get_legend_handles_labels()
    if noise:
        handles.append(Line2D([], [], color=GREY, marker=".", **_NOISE))
        labels.append("random noise")
    handles.append(Line2D([], [], color=GREY, linestyle=":"))
    labels.append("null: untouched audio")
    legend_outside(drawn, handles, labels)
