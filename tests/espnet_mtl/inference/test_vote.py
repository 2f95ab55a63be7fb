"""The transcript that wins is the one nearest to all, as another toolkit counts."""

import random

import jiwer
import pytest

from espnet_mtl.inference.vote import rank


def word_edits(one, other):
    counts = jiwer.process_words(one, other)
    return counts.substitutions + counts.deletions + counts.insertions


@pytest.mark.parametrize("seed", range(8))
def test_costs_are_mean_distances_from_all_transcripts(seed):
    draw = random.Random(seed)
    said = [" ".join(draw.choices("abcd", k=draw.randint(1, 6))) for _ in range(9)]
    ranked = rank(said, "nearest")
    assert {text for text, _ in ranked} == set(said)
    for text, cost in ranked:
        distances = [word_edits(other, text) for other in said]
        assert cost == pytest.approx(sum(distances) / len(said))
    costs = [cost for _, cost in ranked]
    assert costs == sorted(costs) and costs[0] < costs[-1]


def test_the_nearest_need_not_be_the_most_frequent():
    said = ["x y z", "x y z", "a b c", "a b d", "a e c"]
    assert rank(said, "nearest")[0][0] == "a b c"
    assert rank(said, "majority")[0] == ("x y z", pytest.approx(0.6))


@pytest.mark.parametrize("vote", ["nearest", "majority"])
@pytest.mark.parametrize(
    ("said", "winner"),
    [
        (["a b"], "a b"),
        (["", "", "a"], ""),  # to hear nothing is a vote
        (["c", "b"], "c"),  # as good: heard first
        (["b", "c"], "b"),
        (["a b", "c b", "c b"], "c b"),
    ],
)
def test_who_wins(vote, said, winner):
    assert rank(said, vote)[0][0] == winner


def test_of_transcripts_that_are_as_near_the_more_frequent_wins():
    ranked = rank(["a c", "d c", "a b", "a b"], "nearest")
    assert ranked[:2] == [("a b", 0.75), ("a c", 0.75)]
