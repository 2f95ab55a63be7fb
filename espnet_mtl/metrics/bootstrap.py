"""Confidence intervals by a paired bootstrap over speakers.

A speaker's utterances have similar errors, so speakers are drawn with replacement, each
with all of its utterances: a cluster bootstrap. Two systems are compared on the same
draws, as Bisani and Ney 2004 do with utterances.

Draws of what is all alike are all alike: their interval is a single point, as if
nothing else were possible, such as [0, 0] for no error in 64 utterances. So

- where all speakers have the same rate, utterances are drawn instead;
- where these are alike as well, the exact interval of 0 of n
  (:mod:`espnet_mtl.metrics.binomial`) says what share of all utterances may be
  different, and the limits are what the rate would be if these were as different as a
  rate between 0 and 100 % can be.

Both take utterances as independent: nothing was seen that one speaker's have in common.
"""

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from espnet_mtl.metrics.binomial import exact_interval

DRAWS = 2000
MOST_NUMBERS = 2**24
"""Numbers that are worked on at a time: 128 MiB of them."""

LEVELS = (0.025, 0.975)
"""Between these quantiles of the draws is the 95 % interval."""
ROUNDING = 1e-9  # points of percent: no width but that of rounding


class Interval(NamedTuple):
    """An estimate and its 95 % interval.

    The limits are NaN where there is one speaker only: differences between speakers
    are then unknown.
    """

    estimate: float
    low: float
    high: float


def wer_interval(
    errors: Sequence[int],
    words: Sequence[int],
    speakers: Sequence[str],
    *,
    seed: int = 0,
    draws: int = DRAWS,
) -> Interval:
    """Return a pooled error rate with its interval, in percent.

    ``errors``, reference ``words`` and ``speakers`` are those of each utterance,
    (Utterances,).

    Raises:
        ValueError: If the lengths differ, or there are no reference words.
    """
    return _interval(errors, words, speakers, 0.0, seed, draws)


def wer_difference_interval(
    errors_a: Sequence[float],
    errors_b: Sequence[float],
    words: Sequence[int],
    speakers: Sequence[str],
    *,
    seed: int = 0,
    draws: int = DRAWS,
) -> Interval:
    """Return the difference of two systems' pooled error rates with its interval.

    It is the first rate minus the second, in points of percent. ``errors_a`` and
    ``errors_b`` of the two systems, reference ``words`` and ``speakers`` are those of
    each utterance, (Utterances,); errors may be parts of words.

    Raises:
        ValueError: If the lengths differ, or there are no reference words.
    """
    _check_lengths(errors_a, errors_b, words, speakers)
    # Over the same words, the difference of the rates is the rate of the difference.
    difference = np.asarray(errors_a) - np.asarray(errors_b)
    return _interval(difference, words, speakers, -100.0, seed, draws)


def _interval(
    errors: Sequence[int] | np.ndarray,
    words: Sequence[int],
    speakers: Sequence[str],
    least: float,
    seed: int,
    draws: int,
) -> Interval:
    """Return a rate with its interval; ``least`` is the lowest rate that there is."""
    _check_lengths(errors, words, speakers)
    names, index = np.unique(np.asarray(speakers), return_inverse=True)
    sums = [np.bincount(index, values, len(names)) for values in (errors, words)]
    if not np.sum(words) > 0:
        raise ValueError("there are no reference words")
    estimate = 100.0 * float(np.sum(errors) / np.sum(words))
    if len(names) == 1:
        return Interval(estimate, math.nan, math.nan)
    for units in (sums, [np.asarray(errors), np.asarray(words)]):
        if _are_alike(*units):
            continue
        low, high = _draw(*units, seed, draws)
        if high - low > ROUNDING:
            return Interval(estimate, low, high)
    # All alike: what if those that were not seen are not?
    _, other = exact_interval(0, len(words))
    least, most = min(least, estimate), max(100.0, estimate)
    return Interval(
        estimate,
        estimate - other * (estimate - least),
        estimate + other * (most - estimate),
    )


def _check_lengths(*values: Sequence[object] | np.ndarray) -> None:
    lengths = {len(one) for one in values}
    if lengths == {0} or len(lengths) > 1:
        raise ValueError(f"not one value for each utterance: lengths {sorted(lengths)}")


def _are_alike(errors: np.ndarray, words: np.ndarray) -> bool:
    """Tell whether all units have the same rate, so that nothing need be drawn."""
    return bool((errors * words.sum() == words * errors.sum()).all())


def _draw(
    errors: np.ndarray, words: np.ndarray, seed: int, draws: int
) -> tuple[float, float]:
    """Draw units with replacement; return the limits of the pooled rate."""
    rates = []
    for times_drawn in draw_units(len(errors), seed, draws):
        drawn = times_drawn @ words
        found = drawn > 0  # a draw may be of units without a word alone
        rates.append(100.0 * (times_drawn @ errors)[found] / drawn[found])
    low, high = np.quantile(np.concatenate(rates), LEVELS)
    return float(low), float(high)


def draw_units(
    number: int, seed: int, draws: int = DRAWS, width: int | None = None
) -> Iterator[np.ndarray]:
    """Draw units with replacement, in parts that fit into memory.

    The draws are the same however many parts there are.

    Args:
        number: Of the units.
        seed: Of the draws.
        draws: How often as many units are drawn.
        width: How many numbers the caller makes of each draw, where these are more than
            the units.

    Yields:
        How often each unit is drawn, (Draws of this part, Units).
    """
    rng = np.random.default_rng(seed)
    shares = np.full(number, 1 / number)
    most = max(1, MOST_NUMBERS // max(number, width or 0))
    for first in range(0, draws, most):
        yield rng.multinomial(number, shares, size=min(most, draws - first))
