"""Intervals over speakers and seeds: special cases of Student's, and coverage."""

import math

import numpy as np
import pytest
from scipy import stats

from espnet_mtl.metrics.bootstrap import wer_difference_interval
from espnet_mtl.metrics.seeds import interval_over_seeds

SPEAKERS = np.repeat([f"s{n:02d}" for n in range(8)], 4)
WORDS = np.ones(32)


def test_where_seeds_are_alike_it_is_students_over_speakers():
    means = np.random.default_rng(0).normal(0.3, 0.2, 8)
    found = interval_over_seeds(np.tile(np.repeat(means, 4), (3, 1)), WORDS, SPEAKERS)
    theirs = stats.ttest_1samp(100 * means, 0).confidence_interval(0.95)
    assert found == pytest.approx((100 * means.mean(), *theirs))


def test_where_speakers_are_alike_it_is_students_over_seeds():
    rates = np.array([0.1, 0.25, 0.4])
    found = interval_over_seeds(np.tile(rates[:, None], 32), WORDS, SPEAKERS)
    theirs = stats.ttest_1samp(100 * rates, 0).confidence_interval(0.95)
    assert found == pytest.approx((25, *theirs))


@pytest.mark.parametrize(
    ("seeds", "speakers", "both"),
    [(0.3, 0.0, 0.0), (0.0, 0.3, 0.0), (0.2, 0.2, 0.2), (0.0, 0.0, 0.3)],
)
def test_it_covers_the_truth_of_all_seeds_and_speakers(seeds, speakers, both):
    rng = np.random.default_rng(1)
    covered = 0
    for _ in range(500):
        effects = (
            0.1
            + rng.normal(0, seeds, (3, 1))
            + rng.normal(0, speakers, (1, 8))
            + rng.normal(0, both, (3, 8))
        )
        values = np.repeat(effects, 4, axis=1) + rng.normal(0, 0.1, (3, 32))
        found = interval_over_seeds(values, WORDS, SPEAKERS)
        covered += found.low <= 10 <= found.high
    assert covered >= 0.93 * 500


def test_longer_utterances_count_for_more():
    words = np.tile([1.0, 3.0], 16)
    values = np.tile([[0.0, 3.0]], (2, 16))
    assert interval_over_seeds(values, words, SPEAKERS).estimate == 75


def test_where_nothing_differs_something_may():
    values = np.zeros((3, 32))
    found = interval_over_seeds(values, WORDS, SPEAKERS)
    assert found == wer_difference_interval(values[0], values[0], WORDS, SPEAKERS)
    assert found.low < 0 < found.high


def test_one_seed_or_one_speaker_has_no_interval():
    one_seed = interval_over_seeds(np.ones((1, 32)), WORDS, SPEAKERS)
    one_speaker = interval_over_seeds(np.ones((3, 32)), WORDS, np.full(32, "s"))
    for found in (one_seed, one_speaker):
        assert found.estimate == 100
        assert math.isnan(found.low) and math.isnan(found.high)


def test_lengths_are_checked():
    with pytest.raises(ValueError, match=r"one value for each .*\(3, 31\), 32, 32"):
        interval_over_seeds(np.ones((3, 31)), WORDS, SPEAKERS)
