"""Confidence intervals by a paired bootstrap over speakers.

A speaker's utterances have similar errors, so speakers are drawn with replacement, each
with all of its utterances: a cluster bootstrap. Two systems are compared on the same
draws, as Bisani and Ney 2004 do with utterances.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

DRAWS = 2000
_LEVELS = (2.5, 97.5)


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
        ValueError: If the lengths differ, or a speaker has no reference words.
    """
    errors, words = _sums_by_speaker(speakers, errors, words)
    return _interval(errors, words, seed, draws)


def wer_difference_interval(
    errors_a: Sequence[int],
    errors_b: Sequence[int],
    words: Sequence[int],
    speakers: Sequence[str],
    *,
    seed: int = 0,
    draws: int = DRAWS,
) -> Interval:
    """Return the difference of two systems' pooled error rates with its interval.

    It is the first rate minus the second, in points of percent. ``errors_a`` and
    ``errors_b`` of the two systems, reference ``words`` and ``speakers`` are those of
    each utterance, (Utterances,).

    Raises:
        ValueError: If the lengths differ, or a speaker has no reference words.
    """
    errors_a, errors_b, words = _sums_by_speaker(speakers, errors_a, errors_b, words)
    # Over the same words, the difference of the rates is the rate of the difference.
    return _interval(errors_a - errors_b, words, seed, draws)


def _sums_by_speaker(
    speakers: Sequence[str], *values: Sequence[int]
) -> list[np.ndarray]:
    lengths = {len(speakers), *map(len, values)}
    if lengths == {0} or len(lengths) > 1:
        raise ValueError(f"not one value for each utterance: lengths {sorted(lengths)}")
    names, index = np.unique(np.asarray(speakers), return_inverse=True)
    sums = [np.bincount(index, weights=v, minlength=len(names)) for v in values]
    if (sums[-1] <= 0).any():
        raise ValueError(f"speaker {names[sums[-1].argmin()]} has no reference words")
    return sums


def _interval(errors: np.ndarray, words: np.ndarray, seed: int, draws: int) -> Interval:
    estimate = 100.0 * float(errors.sum() / words.sum())
    speakers = len(errors)
    if speakers == 1:
        return Interval(estimate, math.nan, math.nan)
    times_drawn = np.random.default_rng(seed).multinomial(
        speakers, np.full(speakers, 1 / speakers), size=draws
    )
    rates = 100.0 * (times_drawn @ errors) / (times_drawn @ words)
    low, high = np.percentile(rates, _LEVELS)
    return Interval(estimate, float(low), float(high))
