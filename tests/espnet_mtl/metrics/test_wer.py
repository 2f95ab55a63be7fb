"""Edit counts: against sclite, jiwer, and what can be counted by hand."""

import json
import math
import time
from pathlib import Path

import jiwer
import pytest
from hypothesis import given
from hypothesis import strategies as st

from espnet_mtl.metrics.wer import (
    UNIT,
    EditCounts,
    count_edits,
    error_rate,
    fold_case,
    pool,
    split_chars,
    split_words,
)

# Few different words make many alignments of equal cost.
sentences = st.lists(st.sampled_from("abcdef"), min_size=1, max_size=14)
heard = st.lists(st.sampled_from("abcdef"), max_size=14)
corpora = st.lists(st.tuples(sentences, heard), min_size=1, max_size=8)


def _recorded():
    path = Path(__file__).parent / "sclite_counts.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.mark.parametrize(
    "reference, hypothesis, counts",
    [
        ("a b c", "a b c", (3, 0, 0, 0)),
        ("a b c", "a x c", (2, 1, 0, 0)),
        ("a b c", "a c", (2, 0, 1, 0)),
        ("a c", "a b c", (2, 0, 0, 1)),
        ("a b", "", (0, 0, 2, 0)),
        ("", "a b", (0, 0, 0, 2)),
        ("", "", (0, 0, 0, 0)),
        ("u v w a b", "a b x y z", (2, 0, 3, 3)),
    ],
)
def test_counts_by_hand(reference, hypothesis, counts):
    assert count_edits(reference.split(), hypothesis.split()) == counts


def test_every_utterance_counts_as_recorded_from_sclite():
    """Version 2.10; among them are all that tell the rules for ties apart."""
    wrong = [
        line
        for line in _recorded()
        if count_edits(line["ref"].split(), line["hyp"].split())
        != tuple(line["counts"])
    ]
    assert not wrong


def test_recorded_counts_tell_weights_apart():
    assert any(
        count_edits(line["ref"].split(), line["hyp"].split(), UNIT).errors
        != sum(line["counts"][1:])
        for line in _recorded()
    )


@given(corpora)
def test_unit_weights_pool_to_jiwers_rate(corpus):
    total = pool(count_edits(ref, hyp, UNIT) for ref, hyp in corpus)
    expected = jiwer.wer(
        [" ".join(ref) for ref, _ in corpus], [" ".join(hyp) for _, hyp in corpus]
    )
    assert error_rate(total.errors, total.words) == pytest.approx(100 * expected)


@given(sentences, heard)
def test_sclites_errors_are_jiwers_within_half_an_error_a_pair(reference, hypothesis):
    counts = count_edits(reference, hypothesis)
    output = jiwer.process_words(" ".join(reference), " ".join(hypothesis))
    fewest = output.substitutions + output.deletions + output.insertions
    pairs = min(counts.deletions, counts.insertions)
    assert counts.errors - pairs / 2 <= fewest <= counts.errors
    if pairs < 2:
        assert counts.errors == fewest


@given(sentences, heard)
def test_counts_fit_the_lengths(reference, hypothesis):
    counts = count_edits(reference, hypothesis)
    assert min(counts) >= 0
    assert counts.words == len(reference)
    assert len(hypothesis) == (
        counts.correct + counts.substitutions + counts.insertions
    )


def test_pool_adds_up():
    assert pool([]) == EditCounts(0, 0, 0, 0)
    assert pool([EditCounts(1, 2, 3, 4), EditCounts(10, 0, 0, 1)]) == (11, 2, 3, 5)


def test_rate_is_pooled_percent():
    assert error_rate(3, 2) == 150.0
    assert math.isnan(error_rate(1, 0))


def test_characters_and_case_as_in_espnet():
    assert split_words("  a  b ") == ["a", "b"]
    assert split_chars("ab c") == ["a", "b", "<space>", "c"]
    assert fold_case(["Ab", "ÉC"]) == ["ab", "Éc"]


def test_ten_thousand_utterances_take_seconds():
    pairs = [
        ([str(n * k % 11) for k in range(8)], [str(n * k % 7) for k in range(8)])
        for n in range(10_000)
    ]
    start = time.process_time()
    pool(count_edits(ref, hyp) for ref, hyp in pairs)
    assert time.process_time() - start < 10
