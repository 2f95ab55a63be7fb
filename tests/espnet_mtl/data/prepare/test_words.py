"""Texts and names."""

import pytest

from espnet_mtl.data.prepare.words import make_class, make_id, normalise_text


@pytest.mark.parametrize(
    ("text", "options", "wanted"),
    [
        ("  Two\tblanks ", {}, "Two blanks"),
        (
            "Don’t “quote” me—please!",
            {"punctuation": "remove"},
            "Don't quote me please",
        ),
        ("'tis the dogs' day", {"punctuation": "remove"}, "tis the dogs day"),
        ("Caf\u0065\u0301 2", {"punctuation": "remove", "case": "upper"}, "CAFÉ 2"),
        ("नमस्ते, दुनिया।", {"punctuation": "remove"}, "नमस्ते दुनिया"),
        ("kilit ışık", {"case": "upper", "lang": "tr"}, "KİLİT IŞIK"),
        ("KİLİT IŞIK", {"case": "lower", "lang": "tr"}, "kilit ışık"),
        ("kilit", {"case": "upper", "lang": "en"}, "KILIT"),
        ("...!", {"punctuation": "remove"}, ""),
    ],
)
def test_sentences_take_one_form(text, options, wanted):
    assert normalise_text(text, **options) == wanted


def test_names_become_words_that_sort_with_their_speakers():
    assert make_id("Ann-Marie  Lee/2") == "Ann_Marie_Lee_2"
    assert make_id("Zoë.1") == "Zoë.1"
    names = ["a", "a b", "a-b", "a+", "a.b", "ab", "aé", "a1", "A"]
    speakers = sorted({make_id(name) for name in names}, key=str.encode)
    utts = [(f"{s}-{u}", s) for s in speakers for u in ("+", "0", "z")]
    by_utt = sorted(utts, key=lambda pair: pair[0].encode())
    assert [s for _, s in by_utt] == [s for s in speakers for _ in range(3)]


def test_labels_become_classes():
    assert make_class("USA/neutral") == "usa_neutral"
    assert make_class(" ?? ") == ""
