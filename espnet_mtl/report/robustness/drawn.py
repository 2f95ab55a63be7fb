"""Where the lines of a robustness curve lie, whoever draws them."""

from collections.abc import Sequence

import numpy as np

from espnet_mtl.report.norms import budget_name, decibels
from espnet_mtl.report.ticks import beyond
from espnet_mtl.results.curve import Curve

MARGIN_DB = 1.5
_AFTER_DB = 6.0  # of the axis where nothing happens any more


def end_of(curves: Sequence[Curve]) -> float:
    """Return the budget to draw curves up to: a little further than they change."""
    norm = curves[0].norm
    ends = [
        curve.strongest
        if curve.points[-1].broken < 100.0
        else beyond(norm, curve.points[-1].budget, _AFTER_DB)
        for curve in curves
    ]
    last = max(ends, key=lambda budget: decibels(norm, budget))
    return beyond(norm, last, MARGIN_DB)


def places_of(curve: Curve, end: float) -> tuple[list[float], list[float]]:
    """Return budgets and AdvTWERs: before the first budget, at each, and at the end."""
    norm, points = curve.norm, curve.points
    budgets = [beyond(norm, points[0].budget, -MARGIN_DB)]
    budgets += [*(point.budget for point in points), end]
    rates = [curve.null_twer, *(one.adv_twer for one in points), points[-1].adv_twer]
    return budgets, rates


def start_of(curve: Curve) -> int:
    """Return the place from which on all utterances were attacked."""
    start = next(
        n for n, one in enumerate(curve.points) if one.budget == curve.all_from
    )
    # Place 0 is before the first budget; what all were attacked with begins there.
    return start + 1 if start else 0


def band_of(curve: Curve) -> list[tuple[float, float, float]]:
    """Return budgets with both ends of the interval, where all were attacked."""
    first = decibels(curve.norm, curve.all_from)
    return [
        (point.budget, *point.adv_twer_ci)
        for point in curve.points
        if point.adv_twer_ci and decibels(curve.norm, point.budget) >= first
    ]


def snr_at_full_scale(curves: Sequence[Curve]) -> float | None:
    """Return the SNR, in dB, of perturbations at 0 dB of the axis of budgets."""
    known = [
        point.snr_db + decibels(curve.norm, point.budget)
        for curve in curves
        for point in curve.points[:1]
        if point.snr_db is not None
    ]
    return float(np.median(known)) if known and curves[0].norm != "snr" else None


def half_broken(curve: Curve) -> str:
    """Say with which budget half of the utterances are broken."""
    if curve.median.value is None:
        return f"fewer than half broken up to {_short(curve, curve.strongest)}"
    first = curve.points[0].budget == curve.median.value
    return f"half broken {'by' if first else 'at'} {_short(curve, curve.median.value)}"


def _short(curve: Curve, budget: float) -> str:
    digits = 3 if curve.norm == "snr" else 2
    return budget_name(curve.norm, float(f"{budget:.{digits}g}"))
