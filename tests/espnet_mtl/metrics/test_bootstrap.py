"""Intervals: what must hold exactly, and coverage on made-up speakers."""

import math

import numpy as np
import pytest
from scipy.stats import binomtest

from espnet_mtl.metrics import bootstrap
from espnet_mtl.metrics.bootstrap import (
    draw_units,
    wer_difference_interval,
    wer_interval,
)

RNG = np.random.default_rng(0)
ERRORS = RNG.integers(0, 8, 60)
WORDS = RNG.integers(4, 12, 60)
SPEAKERS = [f"s{n % 12:02d}" for n in range(60)]


def test_estimate_is_the_pooled_rate_within_its_interval():
    interval = wer_interval(ERRORS, WORDS, SPEAKERS)
    assert interval.estimate == pytest.approx(100 * ERRORS.sum() / WORDS.sum())
    assert interval.low < interval.estimate < interval.high


def test_where_nothing_differs_an_exact_share_may():
    """0 of 60 utterances: at most 6 % of all are different, by up to 100 points."""
    low, high = binomtest(0, 60).proportion_ci(0.95, "exact")
    none = wer_interval(np.zeros(60, int), WORDS, SPEAKERS)
    assert none == pytest.approx((0, 0, 100 * high))
    every = wer_interval(WORDS, WORDS, SPEAKERS)
    assert every == pytest.approx((100, 100 - 100 * high, 100))
    same = wer_difference_interval(ERRORS, ERRORS, WORDS, SPEAKERS)
    assert same == pytest.approx((0, -100 * high, 100 * high))
    apart = wer_difference_interval(ERRORS + WORDS, ERRORS, WORDS, SPEAKERS)
    assert apart == pytest.approx((100, 100 - 200 * high, 100))


def test_a_difference_beyond_all_words_is_within_its_interval():
    # More words heard than said: all alike, and two words wrong for each one
    found = wer_difference_interval([1] * 8, [5] * 8, [2] * 8, ["a", "b"] * 4)
    assert found.estimate == -200.0
    assert found.low <= found.estimate <= found.high


def test_where_speakers_are_alike_utterances_are_drawn():
    errors, words = np.tile([0, 3], 6), np.full(12, 4)
    speakers = np.repeat([f"s{n}" for n in range(6)], 2)
    interval = wer_interval(errors, words, speakers)
    alone = wer_interval(errors, words, [f"u{n}" for n in range(12)])
    assert interval == alone and interval.low < 37.5 < interval.high


def test_a_speaker_without_a_word_adds_nothing():
    """All that somebody says may be symbols that are not scored."""
    errors, words = [*ERRORS, 0, 0], [*WORDS, 0, 0]
    found = wer_interval(errors, words, [*SPEAKERS, "mute", "mute"])
    expected = wer_interval(ERRORS, WORDS, SPEAKERS)
    assert found.estimate == expected.estimate
    assert found == pytest.approx(expected, abs=2)
    small = wer_interval([0, 1, 0], [0, 3, 4], ["a", "b", "c"])
    assert small.low == 0 and small.high == pytest.approx(100 / 3)


@pytest.mark.parametrize("share", [0.002, 0.01, 0.03])
def test_a_rare_error_is_within_the_interval(share):
    """Speakers are alike; a few utterances have all words wrong.

    The bootstrap alone covers none of the cases without an error: 88, 53 and 14 %.
    """
    rng = np.random.default_rng(1)
    words = np.full(64, 4)
    speakers = [f"s{n % 8}" for n in range(64)]
    covered = 0
    for _ in range(300):
        errors = words * (rng.random(64) < share)
        interval = wer_interval(errors, words, speakers, draws=300)
        covered += interval.low <= 100 * share <= interval.high
        assert interval.low < interval.high
    assert covered >= 0.94 * 300


def test_swapping_systems_changes_the_sign():
    other = np.roll(ERRORS, 1)
    ab = wer_difference_interval(ERRORS, other, WORDS, SPEAKERS)
    ba = wer_difference_interval(other, ERRORS, WORDS, SPEAKERS)
    assert ab == pytest.approx((-ba.estimate, -ba.high, -ba.low))
    assert ab.estimate == pytest.approx(
        wer_interval(ERRORS, WORDS, SPEAKERS).estimate
        - wer_interval(other, WORDS, SPEAKERS).estimate
    )


def test_seed_decides_the_draws_and_order_does_not():
    first = wer_interval(ERRORS, WORDS, SPEAKERS, seed=1)
    assert first == wer_interval(ERRORS, WORDS, SPEAKERS, seed=1)
    assert first != wer_interval(ERRORS, WORDS, SPEAKERS, seed=2)
    assert first == wer_interval(ERRORS[::-1], WORDS[::-1], SPEAKERS[::-1], seed=1)


def test_one_speaker_has_no_interval():
    interval = wer_interval([1, 2], [4, 4], ["s", "s"])
    assert interval.estimate == pytest.approx(37.5)
    assert math.isnan(interval.low) and math.isnan(interval.high)


@pytest.mark.parametrize(
    "errors, words, speakers, says",
    [
        ([1], [1, 2], ["a", "b"], "lengths"),
        ([], [], [], "lengths"),
        ([1, 1], [0, 0], ["a", "b"], "no reference words"),
    ],
)
def test_what_cannot_be_drawn_from(errors, words, speakers, says):
    with pytest.raises(ValueError, match=says):
        wer_interval(errors, words, speakers)


def test_intervals_cover_the_truth_because_they_cluster():
    """40 speakers with error rates of their own, 10 utterances of 8 words each.

    The true rate, 30 %, has to lie in about 95 % of the intervals. Intervals that take
    utterances for independent are too narrow, which shows that the test can fail.
    """
    rng = np.random.default_rng(1)
    speakers = np.repeat([f"s{n:02d}" for n in range(40)], 10)
    utterances = [f"u{n:03d}" for n in range(400)]
    words = np.full(400, 8)
    clustered, independent = 0, 0
    for _ in range(200):
        rates = np.repeat(rng.beta(3, 7, 40), 10)
        errors = rng.binomial(8, rates)
        interval = wer_interval(errors, words, speakers, draws=300)
        clustered += interval.low <= 30 <= interval.high
        interval = wer_interval(errors, words, utterances, draws=200)
        independent += interval.low <= 30 <= interval.high
    assert 0.90 <= clustered / 200 <= 0.99
    assert independent / 200 < 0.80


def test_what_does_not_fit_into_memory_is_drawn_in_parts_and_is_the_same(monkeypatch):
    [whole] = draw_units(60, 3, draws=11)
    interval = wer_interval(ERRORS, WORDS, SPEAKERS)
    monkeypatch.setattr(bootstrap, "MOST_NUMBERS", 250)
    parts = [*draw_units(60, 3, draws=11)]
    assert [len(part) for part in parts] == [4, 4, 3]
    assert (np.concatenate(parts) == whole).all()
    assert wer_interval(ERRORS, WORDS, SPEAKERS) == pytest.approx(interval)


def test_a_million_utterances_that_are_alike_need_no_draw(monkeypatch):
    """Drawing them would take gigabytes."""
    monkeypatch.setattr(bootstrap, "draw_units", None)
    number = 1_000_000
    speakers = np.arange(number) // 50
    found = wer_interval(np.zeros(number), np.full(number, 20), speakers)
    assert found.estimate == found.low == 0.0
    assert 0.0 < found.high < 1e-3
