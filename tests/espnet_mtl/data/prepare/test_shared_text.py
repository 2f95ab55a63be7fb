"""Sentences that training shares with other sets."""

import pytest

from espnet_mtl.data.prepare.clip import SETS, Clip
from espnet_mtl.data.prepare.shared_text import settle_shared_text


@pytest.fixture
def clips() -> list[Clip]:
    """Sentences of one set, of two, and of three, written as people write them."""
    said = {
        "train": ["alone", "Please call Stella.", "Is it right ?)", "one", "one"],
        "valid": ["is it right", "PLEASE CALL STELLA", "two"],
        "test": ["please call Stella", '"Please, call Stella"', "Two!", "three"],
    }
    return [
        Clip(0, f"{fate}{i}", "", text, "", fate=fate)
        for fate, texts in said.items()
        for i, text in enumerate(texts)
    ]


@pytest.mark.parametrize(
    ("policy", "leaving"),
    [
        ("keep", []),
        ("drop_train", ["train1", "train2"]),
        ("drop_test", ["valid0", "valid1", "test0", "test1"]),
    ],
)
def test_who_leaves(clips, policy, leaving):
    before = {clip.name: clip.fate for clip in clips}
    settle_shared_text(clips, policy)
    assert [c.name for c in clips if c.fate == "shared_text"] == leaving
    assert all(clip.fate in ("shared_text", before[clip.name]) for clip in clips)


def test_kept_sentences_of_the_test_are_counted(clips, caplog):
    settle_shared_text(clips, "keep")
    assert "the sentence of 2 of 4 test clips is also in training" in caplog.text


@pytest.mark.parametrize("policy", ["keep", "drop_train", "drop_test"])
def test_nothing_is_said_where_nothing_is_shared(policy, caplog):
    clips = [Clip(0, name, "", name, "", fate=name) for name in SETS]
    settle_shared_text(clips, policy)
    assert tuple(clip.fate for clip in clips) == SETS
    assert not caplog.text
