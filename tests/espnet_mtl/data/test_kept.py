"""A set that shrinks is told by accent, before and after."""

from espnet_mtl.data.kept import Fate, find_losses, format_kept


def make(**classes: tuple[int, int]) -> list[Fate]:
    """Make utterances of accents: ``make(north=(3, 5))``, 3 of 5 are kept."""
    return [
        Fate(f"{accent}{i}", accent, 36.0, "" if i < kept else "long")
        for accent, (kept, total) in classes.items()
        for i in range(total)
    ]


def test_the_accents_that_lose_most_come_first_and_hours_add_up():
    fates = make(english=(332, 465), korean=(8, 42), dutch=(10, 10))
    rows = [line.split() for line in format_kept({"train": fates}).splitlines()[1:]]
    assert rows == [
        ["train", "korean", "8", "42", "19%", "0.08", "0.42"],
        ["train", "english", "332", "465", "71%", "3.32", "4.65"],
        ["train", "dutch", "10", "10", "100%", "0.10", "0.10"],
        ["train", "all", "350", "517", "68%", "3.50", "5.17"],
    ]


def test_a_class_that_shrinks_or_vanishes_is_told():
    said = find_losses("train", make(english=(332, 465), korean=(8, 42), thai=(0, 3)))
    assert said == [
        "train: 340 of 510 utterances are left",
        "train: of the accent 'korean', 8 of 42 utterances are left (19%), of the "
        "others 332 of 468 (71%): results will be about the others",
        "train: nothing is left of the accent 'thai' (3 utterances)",
    ]


def test_what_hardly_changes_is_not_told():
    assert find_losses("train", make(english=(99, 100), korean=(38, 40))) == []
    # All lose alike: the set has shrunk, and no class more than the others.
    assert find_losses("train", make(english=(40, 100), korean=(15, 40))) == [
        "train: 55 of 140 utterances are left"
    ]


def test_many_accents_are_not_all_shown():
    fates = make(**{f"a{i:02}": (1, 2) for i in range(50)})
    table = format_kept({"train": fates}).splitlines()
    assert len(table) == 1 + 30 + 1 + 1
    assert "... and 20 more accents" in table[-2]
