"""Published draws: what was drawn stays drawn.

All values were worked out by another program, from SHA-256.
"""

import pytest

from espnet_mtl.seeding import draw_ids, seed_of


@pytest.mark.parametrize(
    ("parts", "seed"),
    [
        ((), 4101707308206065413),
        ((0, "start", "ann-1"), 3587025140401401254),
        ((7, "target", "Zoë", 3), 2438507825032850761),
    ],
)
def test_a_seed_never_changes(parts, seed):
    assert seed_of(*parts) == seed


@pytest.mark.parametrize(
    ("utterances", "number", "drawn"),
    [
        ([f"utt{n}" for n in range(10)], 3, ["utt9", "utt2", "utt3"]),
        (["ann", "bob", "cyd", "dan"], 2, ["dan", "ann"]),
        (["cyd", "bob", "dan", "ann"], 9, ["dan", "ann", "bob", "cyd"]),
    ],
)
def test_utterances_that_are_drawn_never_change(utterances, number, drawn):
    assert draw_ids(utterances, number) == drawn
