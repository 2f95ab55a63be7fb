import pytest

from espnet_mtl.metrics.wish import Heard, Wish


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


def test_success_is_the_wish_fulfilled_and_for_away_any_word_changed():
    assert Wish("target", "one two", "five").is_fulfilled(Heard("One two"))
    assert not Wish("target", "one two", "five").is_fulfilled(Heard("one"))
    away = Wish("away", "one", "five six")
    assert away.is_fulfilled(Heard("five"))
    assert not away.is_fulfilled(Heard("Five six"))
    keep = Wish("keep", "one", "five", "north")
    assert keep.is_fulfilled(Heard("five", "north"))
    assert not keep.is_fulfilled(Heard("five", "south"))
