"""Every set has every accent, and no two sets have a speaker."""

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from espnet_mtl.data.prepare.clip import Clip
from espnet_mtl.data.prepare.speaker_split import split_by_speaker

counts = st.lists(
    st.tuples(st.integers(1, 60), st.sampled_from(["us", "uk", "in", "<unk>"])),
    min_size=1,
    max_size=40,
)


def make(own):
    return [
        Clip(0, f"{n}-{i}", "", "", f"spk{n}", accent=accent)
        for n, (count, accent) in enumerate(own)
        for i in range(count)
    ]


@settings(max_examples=200)
@given(counts)
def test_every_accent_with_three_speakers_is_in_every_set(own):
    clips = make(own)
    sets = split_by_speaker(clips, 0.1, 0.1, seed=0)
    assert set(sets) == {clip.speaker for clip in clips}
    for accent in {accent for _, accent in own}:
        speakers = [n for n, (_, a) in enumerate(own) if a == accent]
        got = Counter(sets[f"spk{n}"] for n in speakers)
        assert got["train"] >= 1
        assert (got["valid"] + got["test"] >= 1) is (len(speakers) >= 2)
        assert (min(got["valid"], got["test"]) >= 1) is (len(speakers) >= 3)


def test_shares_are_met_and_a_speaker_with_most_clips_stays_in_training():
    own = [(1000, "us")] + [(10, "us")] * 100
    clips = make(own)
    sets = split_by_speaker(clips, 0.1, 0.2, seed=3)
    sizes = Counter(sets[clip.speaker] for clip in clips)
    assert sets["spk0"] == "train"
    assert sizes == {"train": 1400, "valid": 200, "test": 400}


def test_accents_of_two_speakers_take_turns_where_a_set_would_be_empty():
    own = [(5, accent) for accent in "abcdefghij" for _ in range(2)]
    sets = split_by_speaker(make(own), 0.1, 0.1, seed=0)
    assert Counter(sets.values()) == {"train": 10, "test": 5, "valid": 5}


def test_a_share_of_nothing_makes_no_set_and_seeds_differ():
    clips = make([(10, "us")] * 30)
    assert set(split_by_speaker(clips, 0.0, 0.1, 0).values()) == {"train", "test"}
    first, second = (split_by_speaker(clips, 0.1, 0.1, seed) for seed in (0, 1))
    assert first != second and first == split_by_speaker(clips[::-1], 0.1, 0.1, 0)
