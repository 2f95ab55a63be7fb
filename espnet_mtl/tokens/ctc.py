"""How many encoder frames CTC needs for a text."""

from collections.abc import Hashable, Sequence


def ctc_frames_needed(tokens: Sequence[Hashable]) -> int:
    """Count the frames that CTC needs for a text (Graves et al. 2006, section 3.1).

    One for each token, and one for the blank between two equal tokens. With fewer, no
    path spells the text: the loss is infinite, which ESPnet's ``zero_infinity`` turns
    into exactly 0, and the utterance trains nothing.
    """
    repeats = sum(a == b for a, b in zip(tokens, tokens[1:], strict=False))
    return len(tokens) + repeats
