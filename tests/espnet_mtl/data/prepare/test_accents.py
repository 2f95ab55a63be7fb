"""Accent labels of every release, and the policies that make classes of them."""

import pytest

from espnet_mtl.data.prepare.accents import (
    AccentPolicy,
    give_classes,
    read_accent_map,
    settle_small_classes,
    split_labels,
)
from espnet_mtl.data.prepare.clip import Clip, open_clips
from espnet_mtl.errors import UserError

INDIAN = "India and South Asia (India, Pakistan, Sri Lanka)"
KNOWN = {
    "united states english": "us",
    "england english": "england",
    INDIAN.casefold(): "indian",
    "us": "us",
    "other": "<unk>",
    "robot": "<drop>",
    "caribe: cuba, venezuela": "caribe",
    "caribe": "caribe_general",
}


@pytest.mark.parametrize(
    ("raw", "labels"),
    [
        ("", ()),
        ("us", ("us",)),
        (INDIAN, (INDIAN,)),
        (f"{INDIAN},United States English", (INDIAN, "United States English")),
        (
            "United States English,Delaware Valley, Pennsylvania",
            ("United States English", "Delaware Valley", "Pennsylvania"),
        ),
        ("Hybrid (a, b), north", ("Hybrid (a, b)", "north")),
        ("Caribe: Cuba, Venezuela,us", ("Caribe: Cuba, Venezuela", "us")),
        (
            "United States English| Midwestern, low",
            ("United States English", "Midwestern, low"),
        ),
        ("us,us, ", ("us",)),
        ("never (closed, us", ("never (closed, us",)),
    ],
)
def test_joined_labels_are_taken_apart(raw, labels):
    assert split_labels(raw, KNOWN) == labels


@pytest.mark.parametrize(
    ("labels", "policy", "outcome"),
    [
        (("United  States English",), {}, ("us", "", "")),
        (("us", "United States English"), {}, ("us", "", "")),
        ((), {}, ("<unk>", "none", "")),
        ((), {"no_accent": "drop"}, ("<unk>", "none", "no_accent")),
        (("us", "england english"), {}, ("<unk>", "several", "")),
        (
            ("us", "England English"),
            {"several_accents": "join"},
            ("england+us", "", ""),
        ),
        (
            ("us", "England English"),
            {"several_accents": "drop"},
            ("<unk>", "several", "several_accents"),
        ),
        (("us", "Midwestern"), {}, ("<unk>", "free_text", "")),
        (("us", "Midwestern"), {"free_text": "ignore"}, ("us", "", "")),
        (("Midwestern",), {"free_text": "ignore"}, ("<unk>", "none", "")),
        (("Mid Western!",), {"free_text": "class"}, ("mid_western", "", "")),
        (("Midwestern",), {"free_text": "drop"}, ("<unk>", "free_text", "free_text")),
        (("other",), {}, ("<unk>", "none", "")),
        (("other", "us"), {}, ("us", "", "")),
        (("us", "robot"), {}, ("<unk>", "", "dropped_by_map")),
        (("Midwestern", "Robot"), {}, ("<unk>", "", "dropped_by_map")),
        (("Robot", "Midwestern"), {}, ("<unk>", "", "dropped_by_map")),
    ],
)
def test_policies_decide_about_a_row(labels, policy, outcome):
    clip = Clip(1, "a", "a", "hi", "ann", labels)
    give_classes([clip], KNOWN, AccentPolicy(**policy))
    assert (clip.accent, clip.unlabelled, clip.fate) == outcome


def small(clips, **policy):
    classes = {label: label for clip in clips for label in clip.labels}
    give_classes(clips, classes, AccentPolicy())
    return settle_small_classes(open_clips(clips), AccentPolicy(**policy))


def test_small_classes_become_unknown_other_or_nothing(make_clips):
    def corpus():
        return make_clips(ann=(5, "us"), bob=(5, "us"), cid=(1, "fr"), dan=(1, "nz"))

    for kind, wanted in (
        ("unknown", {"us": 10, "<unk>": 2}),
        ("other", {"us": 10, "other": 2}),
        ("drop", {"us": 10}),
    ):
        clips = corpus()
        found = small(clips, small_accents=kind, min_clips=2, min_speakers=2)
        assert set(found) == {"fr", "nz"} and found["fr"] == (1, 1)
        left = [clip.accent for clip in open_clips(clips)]
        assert {accent: left.count(accent) for accent in left} == wanted

    clips = corpus()  # all of them together are still too few
    found = small(clips, small_accents="other", min_clips=3, min_speakers=2)
    assert found["other"] == (2, 2)
    assert {clip.accent for clip in clips} == {"us", "<unk>"}


def test_a_map_is_read_with_comments_and_any_case(tmp_path):
    path = tmp_path / "map.tsv"
    path.write_text(
        "# a comment\n\nUnited  States English\tus\r\nother\t<unk>\n#1\tone\n"
    )
    assert read_accent_map(path) == {
        "united states english": "us",
        "other": "<unk>",
        "#1": "one",
    }
    assert read_accent_map(None) == {}


def test_a_map_may_come_out_of_a_spreadsheet(tmp_path):
    path = tmp_path / "map.tsv"
    path.write_text(
        '\ufeff"# Every accent label: label, class"\t\t\t\r\n'
        f'"{INDIAN}"\tindian\t9\t3\r\n"the ""posh"" one"\t"posh"\r\n\t\t\t\r\n'
        '"West" of here\twest\r\n',
        newline="",
    )
    assert read_accent_map(path) == {
        INDIAN.casefold(): "indian",
        'the "posh" one': "posh",
        '"west" of here': "west",
    }


def test_mistakes_in_a_map_are_told_at_once(tmp_path):
    path = tmp_path / "map.tsv"
    path.write_text("us\tus\t9\t3\nlonely\nUS\tamerica\nx\ttwo words\ny\t?\t1\t1\n")
    with pytest.raises(UserError) as error:
        read_accent_map(path)
    message = str(error.value)
    assert "no label and class (3 times)" in message
    assert "line 2: lonely" in message and "line 4: x\ttwo words" in message
    assert "a label with two classes; keep one:\n    line 3: US\tamerica" in message
