"""Which characters belong to words: Unicode's rules of word boundaries (UAX #29)."""

import re
import unicodedata

NON_JOINER, JOINER = "\u200c", "\u200d"
# It says where a word ends, in scripts that write no blanks.
_ZERO_WIDTH_SPACE = "\u200b"
# They have a meaning although they are invisible: joiners, Mongolian's vowel separator.
_MEANT = {NON_JOINER, JOINER, "\u180e"}
# Variants of the look of a character, and what only keeps marks in order.
_LOOKS = {0x034F, *range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)}
# Malayalam's final consonants: letter, virama and joiner before Unicode 5.1, which gave
# them letters of their own.
_FINAL_CONSONANTS = {
    "\u0d23\u0d4d\u200d": "\u0d7a",
    "\u0d28\u0d4d\u200d": "\u0d7b",
    "\u0d30\u0d4d\u200d": "\u0d7c",
    "\u0d32\u0d4d\u200d": "\u0d7d",
    "\u0d33\u0d4d\u200d": "\u0d7e",
    "\u0d15\u0d4d\u200d": "\u0d7f",
}
_VIRAMA = 9  # its combining class: the sign that takes a consonant's vowel away


def is_letter(character: str) -> bool:
    """Whether it is a letter or a mark, which belongs to the letter before it."""
    return unicodedata.category(character)[0] in "LM"


def is_spoken(character: str) -> bool:
    """Whether it is a letter, a mark or a digit."""
    return unicodedata.category(character)[0] in "LMN"


def drop_invisible(text: str) -> str:
    """Leave out what is invisible and means nothing, and compose the rest (NFC).

    That is soft hyphens, byte-order marks, marks of the writing's direction, and
    joiners outside the words of scripts that use them, such as Persian and Sinhala.
    """
    if text.isascii():
        return text
    text = unicodedata.normalize("NFC", text.translate(_VISIBLE))
    if JOINER in text:
        for sequence, letter in _FINAL_CONSONANTS.items():
            text = text.replace(sequence, letter)
    if NON_JOINER in text or JOINER in text:
        text = re.sub(f"[{NON_JOINER}{JOINER}]+", _settle_joiner, text)
    return text


class _Visible(dict[int, str]):
    """Leaves characters as they are, or out."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        if character == _ZERO_WIDTH_SPACE:
            self[code] = " "
        elif code in _LOOKS or (_is_format(character) and character not in _MEANT):
            self[code] = ""
        else:
            self[code] = character
        return self[code]


def _is_format(character: str) -> bool:
    # The signs before Arabic numbers, and the like, are seen.
    seen = "SIGN" in unicodedata.name(character, "") or character == "\u06dd"
    return unicodedata.category(character) == "Cf" and not seen


_VISIBLE = _Visible()


def _settle_joiner(match: re.Match[str]) -> str:
    """Keep one joiner where it changes how letters are written (as in UAX #31)."""
    before = match.string[: match.start()]
    after = match.string[match.end() : match.end() + 1]
    within = bool(before) and bool(after) and is_letter(after)
    is_killed = before != "" and unicodedata.combining(before[-1]) == _VIRAMA
    if match[0][0] == JOINER:
        is_next = within and unicodedata.combining(after) == _VIRAMA
        return JOINER if is_killed or is_next else ""
    is_arabic = within and _is_arabic(_last_letter(before)) and _is_arabic(after)
    return NON_JOINER if (is_killed and within) or is_arabic else ""


def _last_letter(text: str) -> str:
    place = len(text) - 1
    while place > 0 and unicodedata.category(text[place]) == "Mn":
        place -= 1
    return text[place]


def _is_arabic(letter: str) -> bool:
    return unicodedata.bidirectional(letter) == "AL"
