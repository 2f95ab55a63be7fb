"""Which accents are recognised as which."""

from espnet_mtl.metrics.accent import score_accents


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
    assert score_accents({"a": "<unk>"}, {"a": "us"}).accuracy is None
