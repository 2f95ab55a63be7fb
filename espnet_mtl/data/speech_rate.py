"""How fast an utterance is spoken: a rate that nobody speaks at has the wrong text.

Limits are fixed and wide. People read one paragraph at 4 to 19 letters a second (Speech
Accent Archive), so that limits by a corpus's own spread would either list many who are
only slow or fast, or let all of a corpus with wrong texts pass.
"""

import unicodedata

# Letters a second. The fastest speakers reach about 10 syllables, under 30 letters.
FASTEST, SLOWEST = 30.0, 1.0
# Silence before and after what is said, as in recordings of single words, in seconds.
_SILENCE = 4.0
# A wide character (Chinese, Japanese, Korean) is a syllable.
_LETTERS_OF_WIDE = 3


def count_letters(text: str) -> int:
    """Count letters, marks and digits; a character that is a syllable counts as 3."""
    return sum(
        _LETTERS_OF_WIDE if unicodedata.east_asian_width(character) == "W" else 1
        for character in text
        if unicodedata.category(character)[0] in "LMN"
    )


def find_odd_rate(text: str, seconds: float) -> str:
    """Say what is odd about a rate of speech; empty if nothing is."""
    letters = count_letters(text)
    if letters > FASTEST * seconds:
        return f"too fast: {letters / max(seconds, 1e-3):.0f} letters a second"
    if 0 < letters < SLOWEST * (seconds - _SILENCE):
        return f"too slow: {letters / seconds:.1f} letters a second"
    return ""
