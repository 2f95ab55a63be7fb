"""Intervals of several figures at once: as one by one, and as by drawing one by one."""

import math

import numpy as np
import pytest

from espnet_mtl.metrics import bootstrap
from espnet_mtl.metrics.bootstrap import DRAWS, Interval, wer_interval
from espnet_mtl.metrics.pointwise import (
    median_interval,
    monotone,
    rate_intervals,
)

RNG = np.random.default_rng(0)
WORDS = RNG.integers(4, 12, 60)
ERRORS = RNG.integers(0, 8, (60, 3))
SPEAKERS = [f"s{n % 12:02d}" for n in range(60)]


def test_every_rate_is_as_alone():
    found = rate_intervals(ERRORS, WORDS, SPEAKERS)
    for interval, column in zip(found, ERRORS.T, strict=True):
        assert interval == pytest.approx(wer_interval(column, WORDS, SPEAKERS))


def test_a_rate_without_spread_is_as_alone():
    """What a bootstrap cannot tell is decided in one place."""
    [found] = rate_intervals(np.zeros((60, 1)), WORDS, SPEAKERS)
    assert found == wer_interval([0] * 60, WORDS, SPEAKERS)
    assert found.estimate == 0


def test_one_speaker_has_no_interval():
    [rate] = rate_intervals(np.ones((2, 1)), np.array([2, 2]), ["a", "a"])
    assert rate.estimate == 50.0
    assert math.isnan(rate.low) and math.isnan(rate.high)
    median = median_interval(np.array([1.0, np.inf]), ["a", "a"])
    assert median.estimate == 1.0
    assert math.isnan(median.low) and math.isnan(median.high)


def test_a_median_is_as_drawn_one_by_one():
    values = RNG.normal(size=60).round(1)
    values[::5] = np.inf
    found = median_interval(values, SPEAKERS)
    names, index = np.unique(SPEAKERS, return_inverse=True)
    drawn = np.random.default_rng(0).multinomial(
        len(names), np.full(len(names), 1 / len(names)), size=DRAWS
    )
    medians = []
    for times in drawn:
        every = np.sort(np.repeat(values, times[index]))
        medians.append(every[(len(every) - 1) // 2])
    medians.sort()
    assert found.estimate == np.sort(values)[29]
    assert found.low == medians[round(0.025 * DRAWS) - 1]
    assert found.high == medians[round(0.975 * DRAWS) - 1]


def test_a_median_may_lie_beyond_all_that_was_reached():
    values = np.array([1.0, 2.0, np.inf, np.inf, np.inf, np.inf])
    found = median_interval(values, list("abcdef"))
    assert found.estimate == np.inf
    assert found.low < np.inf and found.high == np.inf


def test_a_median_of_fewer_than_six_speakers_has_no_interval():
    found = median_interval(np.arange(10.0), list("abcdeabcde"))
    assert found.estimate == 4.0
    assert math.isnan(found.low) and math.isnan(found.high)
    assert not math.isnan(median_interval(np.arange(6.0), list("abcdef")).low)


def test_a_median_that_all_draws_agree_on_has_the_exact_limits():
    """One of each speaker's utterances is lower and one higher, in any draw."""
    values = np.array([1.0, 2.0, 3.0] * 8)
    found = median_interval(values, [f"s{n // 3}" for n in range(24)])
    assert found == (2.0, 1.0, 3.0)


def test_limits_of_what_can_only_fall_only_fall():
    given = [Interval(40.0, 20.0, 60.0), Interval(5.0, 0.0, 9.0), Interval(0.0, 0, 37)]
    expected = [Interval(40.0, 20.0, 60.0), Interval(5.0, 0.0, 37.0), given[-1]]
    assert monotone(given, rising=False) == expected
    rising = [
        Interval(0.0, 0.0, 4.0),
        Interval(1.0, 0.5, 3.0),
        Interval(100.0, 96, 100),
    ]
    assert [one.high for one in monotone(rising, rising=True)] == [4.0, 4.0, 100.0]
    falling = [Interval(100 - r.estimate, 100 - r.high, 100 - r.low) for r in rising]
    mirrored = [100 - one.low for one in monotone(falling, rising=False)]
    assert mirrored == [4.0, 4.0, 100.0]


@pytest.mark.parametrize(
    ("values", "speakers"), [([], []), ([1.0], ["a", "b"]), ([1.0, 2.0], ["a"])]
)
def test_one_value_for_each_utterance(values, speakers):
    with pytest.raises(ValueError, match="not one value for each utterance"):
        median_interval(np.array(values), speakers)
    with pytest.raises(ValueError, match="not one value for each utterance"):
        rate_intervals(np.array(values)[:, None], np.ones(len(values)), speakers)


def test_in_parts_every_interval_is_the_same(monkeypatch):
    values = ERRORS[:, 0].astype(float)
    values[::9] = math.inf
    median = median_interval(values, SPEAKERS)
    rates = rate_intervals(ERRORS, WORDS, SPEAKERS)
    monkeypatch.setattr(bootstrap, "MOST_NUMBERS", 5_000)
    assert median_interval(values, SPEAKERS) == median
    for found, expected in zip(
        rate_intervals(ERRORS, WORDS, SPEAKERS), rates, strict=True
    ):
        assert found == pytest.approx(expected)
