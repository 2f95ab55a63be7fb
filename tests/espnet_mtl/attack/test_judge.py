import numpy as np
import pytest
import torch

from espnet_mtl.attack.judge import FileJudge, Wish
from espnet_mtl.attack.quantise import FULL_SCALE, quantise
from espnet_mtl.attack.victim import Heard


@pytest.mark.parametrize(
    "words, heard, cost",
    [
        ("target", "one two", 0),
        ("target", "ONE two", 0),  # case is no difference
        ("target", "one three", 1),
        ("target", "", 2),
        ("away", "five six", 2),
        ("away", "five", 1),
        ("away", "nine nine", 0),
        ("away", "nine nine nine nine", 0),
    ],
)
def test_the_cost_of_words(words, heard, cost):
    wish = Wish(words, target="one two", truth="five six")
    assert wish.cost(Heard(heard)) == cost


@pytest.mark.parametrize(
    "to_accent, accent, heard, cost",
    [
        ("random", "north", Heard("five", "north"), 0),
        ("random", "north", Heard("five", "south"), 1),
        ("random", "north", Heard("six", "south"), 2),
        ("away", "north", Heard("five", "south"), 0),
        ("away", "north", Heard("five", "north"), 1),
    ],
)
def test_who_keeps_the_words_wants_another_accent(to_accent, accent, heard, cost):
    wish = Wish("keep", "one", "five", accent, to_accent)
    assert wish.cost(heard) == cost


def test_characters_tell_more_than_words():
    wish = Wish("target", "seven", "one")
    assert wish.cost(Heard("even")) == wish.cost(Heard("one")) == 1
    assert wish.cost(Heard("even"), "char") == 1
    assert wish.cost(Heard("one"), "char") > 2


def test_what_is_heard_is_what_the_file_would_hold_at_its_true_length():
    given = []

    def listener(speech):
        given.append(speech)
        return Heard(str(len(speech)))

    clean = torch.tensor([[0.1, 0.2, 0.3], [0.5, 0.0, 0.0]])
    judge = FileJudge(
        listener,
        clean,
        torch.tensor([3, 1]),
        torch.tensor([0.01, 0.01]),
        lambda a, b, radius: quantise(a, b, "linf", radius) / FULL_SCALE,
        [Wish("target", "3", "x"), Wish("target", "1", "x")],
    )
    delta = torch.tensor([[0.004, -0.004, 0.004], [0.5, 0.9, 0.9]])
    heard = judge.hear(delta)
    assert [one.text for one in heard] == ["3", "1"]
    assert judge.cost(heard).tolist() == [0, 0]
    assert all((speech * FULL_SCALE % 1 == 0).all() for speech in given)
    assert np.abs(given[1] - 0.5).max() <= 0.01  # the budget holds for the file
    other = judge.rows(torch.tensor([1]))
    assert [one.text for one in other.hear(delta[1:])] == ["1"]
