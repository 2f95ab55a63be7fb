"""Accent accuracy, confusions and word errors by accent."""

import json
import math

import pytest
import scoring_dirs as dirs

from espnet_mtl.errors import UserError
from espnet_mtl.metrics.accent import score_accents
from espnet_mtl.metrics.accent_scores import score_accent_dir


@pytest.fixture
def ref_dir(tmp_path):
    return dirs.make_data_dir(tmp_path / "ref")


@pytest.fixture
def hyp_dir(tmp_path):
    path = tmp_path / "hyp"
    dirs.write_table(path / "text", {u: t for u, (t, _) in dirs.UTTERANCES.items()})
    heard = {"ann-1": "us", "ann-2": "india", "bob-1": "india", "bob-2": "us"}
    dirs.write_table(path / "accent", heard)
    (path / "accents").write_text("us\nindia\nscotland\n")
    return path


def test_unlabelled_utterances_are_left_out():
    scores = score_accents(
        {"a": "us", "b": "<unk>", "c": "us"}, {"a": "us", "b": "us", "c": "india"}
    )
    assert scores.accuracy == 50
    assert (scores.labelled, scores.unlabelled) == (2, 1)
    assert scores.accents == ["india", "us"]
    assert scores.counts.tolist() == [[0, 0], [1, 1]]
    assert scores.recall("us") == 50


def test_audio_that_was_not_recognised_is_wrong():
    scores = score_accents({"a": "us", "b": "us"}, {"a": "us", "b": "<unk>"}, ["us"])
    assert scores.accuracy == 50
    assert scores.accents == ["us", "<unk>"]


def test_no_label_no_accuracy():
    assert math.isnan(score_accents({"a": "<unk>"}, {"a": "us"}).accuracy)


def test_files(ref_dir, hyp_dir):
    score_accent_dir(ref_dir, hyp_dir)
    folder = hyp_dir / "score_accent"
    assert json.loads((folder / "confusion.json").read_text()) == {
        "accents": ["us", "india", "scotland"],
        "counts": [[1, 1, 0], [0, 1, 0], [0, 0, 0]],
        "accuracy": pytest.approx(200 / 3),
        "labelled": 3,
        "unlabelled": 1,
    }
    result = (folder / "result.txt").read_text()
    assert result.startswith("accuracy 66.67 % (2 of 3 utterances; 1 without a label")
    assert "us                1        1        0  50.00" in result


def test_word_errors_by_accent(ref_dir, hyp_dir):
    text = {u: t for u, (t, _) in dirs.UTTERANCES.items()}
    dirs.write_table(hyp_dir / "text", {**text, "ann-1": "one", "bob-1": "SIX seven"})
    score_accent_dir(ref_dir, hyp_dir)
    table = (hyp_dir / "score_accent" / "wer_per_accent.txt").read_text()
    percent = [line.replace("|", " ").split() for line in table.splitlines()]
    rates = {cells[0]: cells[-2] for cells in percent[:9] if len(cells) == 9}
    assert rates == {"<unk>": "0.0", "us": "40.0", "india": "50.0", "Sum/Avg": "40.0"}


def test_decoding_without_accents_is_named(ref_dir, hyp_dir):
    (hyp_dir / "accent").unlink()
    with pytest.raises(UserError, match="no accent head"):
        score_accent_dir(ref_dir, hyp_dir)
