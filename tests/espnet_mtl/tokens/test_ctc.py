"""Frames that CTC needs."""

import pytest

from espnet_mtl.tokens.ctc import ctc_frames_needed


@pytest.mark.parametrize(
    ("tokens", "frames"), [("", 0), ("a", 1), ("ab", 2), ("aa", 3), ("aaba", 5)]
)
def test_one_frame_a_token_and_one_between_equal_tokens(tokens, frames):
    assert ctc_frames_needed(tokens) == frames
