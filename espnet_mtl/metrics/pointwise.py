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
from espnet_mtl.metrics.bootstrap import DRAWS, Interval, wer_interval

_LEVELS = (0.025, 0.975)
_POINT = 1e-9  # points of percent: no width but that of rounding


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
    index, times_drawn = _draw(speakers, seed)
    if len(times_drawn[0]) == 1:
        return [Interval(float(one), math.nan, math.nan) for one in estimates]
    sums = np.zeros((len(times_drawn[0]), values.shape[1]))
    np.add.at(sums, index, values)
    every = np.bincount(index, weights=totals)
    rates = 100.0 * (times_drawn @ sums) / (times_drawn @ every)[:, None]
    limits = np.quantile(rates, _LEVELS, axis=0).T
    alike: dict[bytes, Interval] = {}  # many of them are the same
    found = []
    for estimate, (low, high), column in zip(estimates, limits, values.T, strict=True):
        interval = Interval(float(estimate), float(low), float(high))
        if high - low <= _POINT:
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
    distinct, places = np.unique(values, return_inverse=True)
    ordered = np.sort(values)
    estimate = float(ordered[(len(values) - 1) // 2])
    index, times_drawn = _draw(speakers, seed)
    if len(times_drawn[0]) < LEAST_VALUES:
        return Interval(estimate, math.nan, math.nan)
    counts = np.zeros((len(times_drawn[0]), len(distinct)))
    np.add.at(counts, (index, places), 1.0)
    reached = times_drawn @ counts.cumsum(axis=1)  # at or below each value, (Draws, ..)
    medians = np.sort((reached >= reached[:, -1:] / 2).argmax(axis=1))
    low, high = (medians[math.ceil(level * DRAWS) - 1] for level in _LEVELS)
    if low == high:
        low, high = median_ranks(len(values))
        return Interval(estimate, float(ordered[low]), float(ordered[high]))
    return Interval(estimate, float(distinct[low]), float(distinct[high]))


def _draw(speakers: Sequence[str], seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Number the speakers, and draw them as :func:`wer_interval` does.

    Returns:
        Each utterance's speaker, (Utterances,); how often each speaker is drawn,
        (Draws, Speakers).
    """
    names, index = np.unique(np.asarray(speakers), return_inverse=True)
    times_drawn = np.random.default_rng(seed).multinomial(
        len(names), np.full(len(names), 1 / len(names)), size=DRAWS
    )
    return index, times_drawn
