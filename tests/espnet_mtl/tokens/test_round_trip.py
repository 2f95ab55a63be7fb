"""Texts that a model cannot write."""

import unicodedata

from espnet_mtl.tokens.round_trip import Unwritable, find_unwritable


def test_a_text_that_comes_back_changed_is_found():
    texts = {"u1": "wait … what", "u2": "wait"}
    found = find_unwritable(texts, lambda text: unicodedata.normalize("NFKC", text))
    assert found == {"u1": Unwritable("wait … what", "wait ... what")}


def test_case_and_blanks_do_not_count():
    assert find_unwritable({"u1": "Turn  it off"}, lambda text: "turn it OFF") == {}


def test_each_text_is_written_once():
    asked = []

    def write(text):
        asked.append(text)
        return text

    find_unwritable({"u1": "yes", "u2": "yes", "u3": "no"}, write)
    assert sorted(asked) == ["no", "yes"]
