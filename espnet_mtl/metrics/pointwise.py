"""Intervals of many rates at once, and of medians, on the same draws of speakers.

As in :mod:`espnet_mtl.metrics.bootstrap`, speakers are drawn with replacement, each
with all of its utterances. Limits are NaN where there are too few speakers: of rates,
one; of medians, fewer than :data:`espnet_mtl.metrics.binomial.LEAST_VALUES`, since even
from the smallest value to the largest it is no interval of 95 % then.
"""

import math
from collections.abc import Sequence

import numpy as np

from espnet_mtl.metrics.binomial import LEAST_VALUES, median_ranks
from espnet_mtl.metrics.bootstrap import (
    DRAWS,
    LEVELS,
    ROUNDING,
    Interval,
    draw_units,
    wer_interval,
)


def rate_intervals(
    values: np.ndarray, totals: np.ndarray, speakers: Sequence[str], *, seed: int = 0
) -> list[Interval]:
    """Return pooled rates with their intervals, in percent.

    A rate whose draws are all alike gets the limits of :func:`wer_interval`.

    Args:
        values: What is counted, for each utterance and rate, (Utterances, Rates).
        totals: Of how many, for each utterance, above 0, (Utterances,).
        speakers: Of each utterance, (Utterances,).
        seed: Of the draws.

    Returns:
        One interval for each rate, (Rates,).

    Raises:
        ValueError: If the lengths differ, or there are no utterances.
    """
    if not len(values) == len(totals) == len(speakers) > 0:
        raise ValueError(
            f"not one value for each utterance: {len(values)} values, {len(totals)} "
            f"totals, {len(speakers)} speakers"
        )
    estimates = 100.0 * values.sum(axis=0) / totals.sum()
    number, index = _number(speakers)
    if number == 1:
        return [Interval(float(one), math.nan, math.nan) for one in estimates]
    sums = np.zeros((number, values.shape[1]))
    np.add.at(sums, index, values)
    every = np.bincount(index, weights=totals)
    rates = np.concatenate(
        [
            100.0 * (times_drawn @ sums) / (times_drawn @ every)[:, None]
            for times_drawn in draw_units(number, seed)
        ]
    )
    limits = np.quantile(rates, LEVELS, axis=0).T
    alike: dict[bytes, Interval] = {}  # many of them are the same
    found = []
    for estimate, (low, high), column in zip(estimates, limits, values.T, strict=True):
        interval = Interval(float(estimate), float(low), float(high))
        if high - low <= ROUNDING:
            known = column.tobytes()
            if known not in alike:
                alike[known] = wer_interval(column, totals, speakers, seed=seed)
            interval = alike[known]
        found.append(interval)
    return found


def monotone(intervals: Sequence[Interval], *, rising: bool) -> list[Interval]:
    """Widen intervals of rates that can only rise, or only fall, until they do so too.

    Where all utterances are alike, the exact limits are wider than those of a draw
    beside them, in which a single one is not. Both are about the same few utterances.
    """
    ordered = list(intervals) if rising else list(intervals)[::-1]
    lows = np.minimum.accumulate([one.low for one in ordered][::-1])[::-1]
    highs = np.maximum.accumulate([one.high for one in ordered])
    found = [
        Interval(one.estimate, float(low), float(high))
        for one, low, high in zip(ordered, lows, highs, strict=True)
    ]
    return found if rising else found[::-1]


def median_interval(
    values: np.ndarray, speakers: Sequence[str], *, seed: int = 0
) -> Interval:
    """Return the lower median with its interval.

    That is the smallest value that at least half of the utterances do not exceed, as
    Kaplan and Meier's estimate gives it where all utterances were followed as far: a
    value that is ``inf`` (not reached by then) changes nothing as long as fewer than
    half are. All limits are values of utterances, so the upper one may be ``inf`` too.
    Where all draws have the same median, the limits are the exact ones, with utterances
    taken as independent; these are alike only where many utterances are.

    Args:
        values: Of each utterance, (Utterances,).
        speakers: Of each utterance, (Utterances,).
        seed: Of the draws.

    Raises:
        ValueError: If the lengths differ, or there are no utterances.
    """
    if not len(values) == len(speakers) > 0:
        raise ValueError(
            f"not one value for each utterance: {len(values)} values, {len(speakers)} "
            "speakers"
        )
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    estimate = float(ordered[(len(values) - 1) // 2])
    number, index = _number(speakers)
    if number < LEAST_VALUES:
        return Interval(estimate, math.nan, math.nan)
    index, found = index[order], []
    for times_drawn in draw_units(number, seed, width=4 * len(values)):
        # How often utterances up to each value are drawn, (Draws, Utterances)
        reached = times_drawn.astype(np.int32)[:, index].cumsum(axis=1, dtype=np.int32)
        found.append(ordered[(2 * reached >= reached[:, -1:]).argmax(axis=1)])
    medians = np.sort(np.concatenate(found))
    low, high = (medians[math.ceil(level * DRAWS) - 1] for level in LEVELS)
    if low == high:
        low, high = (ordered[rank] for rank in median_ranks(len(values)))
    return Interval(estimate, float(low), float(high))


def _number(speakers: Sequence[str]) -> tuple[int, np.ndarray]:
    """Count the speakers, and number that of each utterance, (Utterances,)."""
    names, index = np.unique(np.asarray(speakers), return_inverse=True)
    return len(names), index
