"""Intervals of accent accuracies."""

import random

import numpy as np
import pytest

from espnet_mtl.metrics.accent import score_accents
from espnet_mtl.metrics.accent_intervals import find_accent_intervals

ACCENTS = ("us", "us", "us", "india")


def listen(rng: random.Random, num_speakers: int, num_utts: int):
    """Speakers who are each recognised more or less often."""
    truth, heard, speakers = {}, {}, {}
    for speaker in range(num_speakers):
        accent = ACCENTS[speaker % len(ACCENTS)]
        skill = rng.random()
        for number in range(num_utts):
            utt = f"{speaker:03}-{number}"
            truth[utt], speakers[utt] = accent, str(speaker)
            heard[utt] = accent if rng.random() < skill else "other"
    return truth, heard, speakers


def test_the_estimates_are_those_of_the_scores():
    truth, heard, speakers = listen(random.Random(1), 20, 4)
    truth["x"], heard["x"], speakers["x"] = "<unk>", "us", "nobody"
    scores = score_accents(truth, heard, speakers=speakers)
    found = find_accent_intervals(truth, heard, speakers)
    assert found.accuracy.estimate == pytest.approx(scores.accuracy)
    assert found.balanced.estimate == pytest.approx(scores.balanced_accuracy)
    assert (scores.speakers, scores.num_speakers) == ((5, 0, 15), 20)
    for ends, interval in (
        (scores.accuracy_ci, found.accuracy),
        (scores.balanced_ci, found.balanced),
    ):
        assert ends == interval[1:]
    for interval in (found.accuracy, found.balanced):
        assert interval.low < interval.estimate < interval.high


def test_they_hold_as_often_as_they_say():
    # Recognised half of the time, whoever speaks of however many.
    rng = random.Random(2)
    held = np.zeros(2)
    for _ in range(200):
        found = find_accent_intervals(*listen(rng, 40, 3), draws=400)
        held += [one.low <= 50 <= one.high for one in found[:2]]
    assert (held / 200 > 0.88).all()


@pytest.mark.parametrize(("skill", "is_learnt"), [(0.0, False), (0.3, True)])
def test_a_task_is_learnt_where_guessing_cannot_do_as_well(skill, is_learnt):
    rng = random.Random(4)
    accents = "abcd"
    truth, heard, speakers = {}, {}, {}
    for number in range(400):
        utt, accent = f"u{number}", accents[number % 4]
        truth[utt], speakers[utt] = accent, str(number // 4 * 4 + number % 4)
        guess = rng.choice(accents)
        heard[utt] = accent if rng.random() < skill else guess
    scores = score_accents(truth, heard, "xabcd", speakers)
    assert scores.chance == 25  # "x" does not occur
    assert scores.is_learnt == is_learnt
    assert not score_accents(truth, heard).is_learnt  # no interval


@pytest.mark.parametrize("few", [1, 2, 3, 6])
def test_few_speakers_of_an_accent_are_not_taken_for_many(few):
    """A branch that says the same of all that one speaker says has learnt nothing."""
    rng = random.Random(5)
    learnt = 0
    for _ in range(200):
        truth, heard, speakers = {}, {}, {}
        for speaker in range(20 + few):
            guess = rng.choice("ab")
            for number in range(3):
                utt = f"{speaker}-{number}"
                truth[utt] = "a" if speaker < 20 else "b"
                heard[utt], speakers[utt] = guess, str(speaker)
        learnt += score_accents(truth, heard, "ab", speakers).is_learnt
    assert learnt <= 0.06 * 200  # 2.5 % by what an interval of 95 % promises


def test_one_speaker_says_nothing_of_others():
    truth = {"a": "us", "b": "us", "c": "<unk>"}
    speakers = {"a": "ann", "b": "ann", "c": "bob"}
    assert find_accent_intervals(truth, truth, speakers) is None


def test_no_interval_is_a_point():
    truth, _, speakers = listen(random.Random(3), 20, 4)
    right = find_accent_intervals(truth, truth, speakers)
    assert right.balanced == right.accuracy
    assert right.balanced.low < right.balanced.estimate == 100
    # One speaker of each accent: how others of theirs do is unknown.
    truth = {"a": "us", "b": "us", "c": "india", "d": "india"}
    heard = {**truth, "b": "india"}
    speakers = {"a": "ann", "b": "ann", "c": "bob", "d": "bob"}
    found = find_accent_intervals(truth, heard, speakers)
    assert found.balanced.estimate == 75 and np.isnan(found.balanced[1:]).all()
    scores = score_accents(truth, heard, speakers=speakers)
    assert scores.balanced_ci is None and not scores.is_learnt
