"""How many clips an accent keeps in each set."""

from collections import Counter

import pytest

from espnet_mtl.data.prepare.caps import cap, cap_in_sets
from espnet_mtl.data.prepare.clip import Clip


def make_clips(accent="us", **sets):
    """Clips of an accent, one speaker each: how many there are in each set."""
    return [
        Clip(
            line=n,
            name=f"{accent}-{split}-{n}",
            path="",
            text="",
            speaker=f"{accent}-{split}-{n}",
            accent=accent,
            split=split,
        )
        for split, count in sets.items()
        for n in range(count)
    ]


def left(clips):
    return Counter(clip.split for clip in clips if not clip.fate)


@pytest.mark.parametrize(
    ("most", "kept"),
    [
        (50, {"train": 40, "valid": 5, "test": 5}),
        (100, {"train": 80, "valid": 10, "test": 10}),
        (10, {"train": 8, "valid": 1, "test": 1}),
        (9, {"train": 7, "valid": 1, "test": 1}),
        (4, {"train": 2, "valid": 1, "test": 1}),  # nobody loses all of a set
        (3, {"train": 1, "valid": 1, "test": 1}),
        (2, {"train": 2}),  # too few for all sets
        (1000, {"train": 80, "valid": 10, "test": 10}),
        (0, {"train": 80, "valid": 10, "test": 10}),
    ],
)
def test_an_accent_keeps_its_share_of_each_set(most, kept):
    clips = make_clips(train=80, valid=10, test=10)
    others = make_clips("uk", train=2, test=1)
    cap_in_sets([*clips, *others], most, seed=0)
    assert left(clips) == kept
    if most >= 3:
        assert left(others) == {"train": 2, "test": 1}


def test_without_sets_and_by_speaker_the_most_is_all_there_is():
    clips = make_clips(**{"": 30})
    cap_in_sets(clips, 7, seed=0)
    assert left(clips) == {"": 7}
    assert {clip.fate for clip in clips} == {"", "accent_cap"}
    clips = make_clips(train=30)
    for clip in clips:
        clip.speaker = "ann" if clip.line < 20 else clip.name
    cap(clips, "speaker", 4, seed=0)
    assert Counter(clip.speaker for clip in clips if not clip.fate)["ann"] == 4
    assert left(clips) == {"train": 14}


def test_clips_go_evenly_over_speakers():
    clips = make_clips(train=30)
    for clip in clips:
        clip.speaker = "ann" if clip.line < 20 else clip.name
    cap_in_sets(clips, 15, seed=0)
    assert Counter(clip.speaker for clip in clips if not clip.fate)["ann"] == 5
