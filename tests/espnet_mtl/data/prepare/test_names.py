"""Names of speakers, and accent labels."""

from espnet_mtl.data.prepare.names import fold, make_class, make_id


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


def test_invisible_characters_make_no_other_name():
    assert make_id("An\u00adna\u200e") == "Anna"
    assert make_class("\ufeffNorte\u200b") == "norte"
    assert fold("No\u2060rte") == fold("norte")
