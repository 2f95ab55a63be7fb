"""Which words of what was heard are marked."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from espnet_mtl.report.words import OTHER, SAID, WANTED, mark_words


@pytest.mark.parametrize(
    ("heard", "said", "wanted", "marks"),
    [
        ("a b", "a b", None, "ss"),
        ("a x", "a b", None, "so"),
        (
            "turn the garden boat",
            "turn the kitchen light",
            "close the garden boat",
            "ssww",
        ),
        ("open the door", "shut a window", "close the door", "oww"),
        # In its place only: what was said last is not heard first.
        ("b a", "a b", None, "os"),
        ("The DOOR", "the door", None, "ss"),
        ("", "a", "b", ""),
    ],
)
def test_marks(heard, said, wanted, marks):
    names = {SAID: "s", WANTED: "w", OTHER: "o"}
    found = mark_words(heard, said, wanted)
    assert [word for word, _ in found] == heard.split()
    assert "".join(names[mark] for _, mark in found) == marks


TEXTS = st.lists(st.sampled_from("abc"), max_size=6).map(" ".join)


@given(TEXTS, TEXTS)
def test_as_many_as_can_be_are_in_their_place(heard, said):
    """Tried out: all parts of what was heard, by their length."""

    def is_part(words, of):
        rest = iter(of)
        return all(word in rest for word in words)

    words, said_words = heard.split(), said.split()
    best = max(
        sum(map(int, f"{chosen:06b}"))
        for chosen in range(1 << len(words))
        if is_part([w for n, w in enumerate(words) if chosen >> n & 1], said_words)
    )
    marks = [mark for _, mark in mark_words(heard, said, None)]
    assert marks.count(SAID) == best
    kept = [word for word, mark in zip(words, marks, strict=True) if mark == SAID]
    assert is_part(kept, said_words)
