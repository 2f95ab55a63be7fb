"""Which accents are recognised as which."""

import random

import pytest

from espnet_mtl.metrics.accent import caution, score_accents


def test_unlabelled_utterances_are_left_out():
    scores = score_accents(
        {"a": "us", "b": "<unk>", "c": "us"}, {"a": "us", "b": "us", "c": "india"}
    )
    assert scores.accuracy == 50
    assert (scores.labelled, scores.unlabelled) == (2, 1)
    assert scores.accents == ("india", "us")
    assert scores.counts == ((0, 0), (1, 1))
    assert scores.recall("us") == 50 and scores.recall("india") is None


def test_audio_that_was_not_recognised_is_wrong():
    scores = score_accents({"a": "us", "b": "us"}, {"a": "us", "b": "<unk>"}, ["us"])
    assert scores.accuracy == 50
    assert scores.accents == ("us", "<unk>")


def test_no_label_no_accuracy():
    scores = score_accents({"a": "<unk>"}, {"a": "us"}, ["us"])
    assert scores.accuracy is scores.balanced_accuracy is None
    assert scores.majority_share is scores.majority_accent is None


def of(scores):
    return caution(scores.accuracy, scores.balanced_accuracy, scores.majority_share)


def test_a_head_that_always_says_the_most_frequent_accent_knows_nothing():
    truth = {f"u{n}": "english" if n < 38 else "korean" for n in range(40)}
    scores = score_accents(truth, dict.fromkeys(truth, "english"))
    assert scores.accuracy == scores.majority_share == 95
    assert scores.majority_accent == "english"
    assert scores.balanced_accuracy == 50
    said = of(scores)
    assert (
        "95.0 % is not above 95.0 %" in said and "balanced accuracy is 50.0 %" in said
    )
    # One of the rare ones more is better than always saying the same.
    better = score_accents(truth, {**dict.fromkeys(truth, "english"), "u39": "korean"})
    assert better.balanced_accuracy == 75 and of(better) == ""
    wrong = {**dict.fromkeys(truth, "english"), "u0": "korean"}
    assert of(score_accents(truth, wrong))


def test_an_accent_that_never_occurs_has_no_share_in_the_balanced_accuracy():
    scores = score_accents({"a": "us", "b": "india"}, {"a": "us", "b": "scotland"})
    assert scores.balanced_accuracy == 50
    assert "same accent" in of(score_accents({"a": "us"}, {"a": "us"}))


def test_balanced_accuracy_is_scikit_learns():
    from sklearn import metrics  # takes a second to import

    draws = random.Random(0)
    truth = {f"u{n}": draws.choice("aaabbc") for n in range(60)}
    heard = {utt: draws.choice(one + "abc") for utt, one in truth.items()}
    expected = metrics.balanced_accuracy_score(
        list(truth.values()), list(heard.values())
    )
    assert score_accents(truth, heard).balanced_accuracy == pytest.approx(
        100 * expected
    )
