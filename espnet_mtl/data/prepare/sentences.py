"""Sentences in the form that data directories need: words with one blank between."""

import re
import unicodedata

from espnet_mtl.data.prepare.characters import (
    JOINER,
    NON_JOINER,
    drop_invisible,
    is_letter,
    is_spoken,
)

# One way to write what is one: apostrophes, hyphens, and Catalan's middle dot.
_ONE_FORM = str.maketrans(
    {
        **dict.fromkeys("’‘‛ʼ´`′＇՚", "'"),
        **dict.fromkeys("\u2010\u2011\ufe63\uff0d\u05be\u058a\u1806", "-"),
        "ŀ": "l·",
        "Ŀ": "L·",
        "\u2027": "·",
    }
)
_HEBREW = "[\u05d0-\u05ea\u05ef-\u05f2][\u0591-\u05bd\u05bf-\u05c7]*"
_GERESH, _GERSHAYIM = "\u05f3", "\u05f4"
# They stay between letters; full stops do not: initials are spoken one by one.
_BETWEEN_LETTERS = f"·{_GERSHAYIM}՟"
_BETWEEN_DIGITS = ".,٫٬"
_IN_WORDS = re.compile(f"['\\-:{_BETWEEN_LETTERS}{_BETWEEN_DIGITS}]+")
# A part of the word wherever it is.
_KEPT = f"{_GERESH}{NON_JOINER}{JOINER}\u180e"
# Signs that are written inside a word, but are none of its letters: Arabic's stretch,
# and Armenian's emphasis, exclamation and question.
_LEFT_OUT = "ـ՛՜՞"
# Languages with endings behind a colon: EU:s, USA:n.
_COLON = ("sv", "fi")
# Uzbek's letters with a turned comma, which is a part of them at a word's end, too.
_UZBEK = re.compile("(?<=[oOgG])'")
# Polynesian languages whose ʻokina, a consonant before a vowel, is typed as a quote.
_OKINA, _BEFORE_VOWEL = ("haw", "sm", "to", "ty"), re.compile("'(?=[aeiouāēīōū])", re.I)
# Greek for "whatever": the one word with a comma. Without it, it is another word.
_WHATEVER = re.compile("(?<!\\w)ό,(?=τι(?!\\w))", re.I)
# Languages that pair i with İ and ı with I.
_DOTTED_I = ("az", "crh", "kk-latn", "tr", "tt-latn")
# Sentences in Georgian have no capitals, though Unicode has them.
_GEORGIAN = {code: code - 0xBC0 for code in range(0x1C90, 0x1CC0)}


def normalise_text(
    text: str,
    case: str = "keep",
    punctuation: str = "keep",
    lang: str = "",
    hyphens: str = "keep",
) -> str:
    """Bring a sentence to one form, words with one blank between.

    A word is what Unicode's rules say (UAX #29): marks belong to letters, apostrophes
    and middle dots to the letters on both sides, ``.`` and ``,`` to digits on both
    sides. Invisible characters that mean nothing go (:func:`.drop_invisible`).

    Args:
        text: As the corpus has it.
        case: ``keep``, ``upper`` or ``lower``.
        punctuation: ``keep``, or ``remove`` for all that belongs to no word.
        lang: Language code: Turkish has capitals of its own, Swedish colons in words.
        hyphens: Those inside words, where punctuation is removed: ``split`` the word
            there, ``keep`` the hyphen, or ``join`` both parts.
    """
    text = _change_case(drop_invisible(text), case, lang).translate(_ONE_FORM)
    text = re.sub(rf"(?<![\w'])'(?={_HEBREW})([^']*)'(?![\w'])", r'"\1"', text)
    text = re.sub(f"({_HEBREW})'", rf"\1{_GERESH}", text)
    text = re.sub(f'({_HEBREW})["“”](?={_HEBREW})', rf"\1{_GERSHAYIM}", text)
    language = lang.lower().split("-")[0]
    if language == "uz":
        text = _UZBEK.sub("ʻ", text)
    elif language in _OKINA:
        text = _BEFORE_VOWEL.sub("ʻ", text)
    if punctuation == "remove":
        link = {"split": " ", "keep": "-", "join": ""}[hyphens]
        has_colons = language in _COLON
        text = _IN_WORDS.sub(
            lambda match: _connect(match, link, has_colons), text.translate(_OF_WORDS)
        )
    return " ".join(text.split())


def _change_case(text: str, case: str, lang: str) -> str:
    if case == "keep":
        return text
    if lang.lower() in _DOTTED_I:
        text = text.replace("i", "İ") if case == "upper" else text.replace("İ", "i")
        text = text.replace("I", "ı") if case == "lower" else text
    text = text.upper().translate(_GEORGIAN) if case == "upper" else text.lower()
    # A capital may be a letter and marks.
    return unicodedata.normalize("NFC", text)


class _OfWords(dict[int, str]):
    """Turns what is certainly not part of a word to a blank."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        if character in _LEFT_OUT:
            self[code] = ""
        elif (
            is_spoken(character) or character in _KEPT or _IN_WORDS.fullmatch(character)
        ):
            self[code] = character
        else:
            self[code] = " "
        return self[code]


_OF_WORDS = _OfWords()


def _connect(match: re.Match[str], link: str, has_colons: bool) -> str:
    """Decide whether a sign belongs to a word, by what stands on both sides of it."""
    sign = match[0]
    before = match.string[match.start() - 1 : match.start()]
    after = match.string[match.end() : match.end() + 1]
    if len(sign) > 1 or not before or not after:
        return " "
    letters = is_letter(before) + is_letter(after)
    digits = before.isdecimal() + after.isdecimal()
    is_inside = is_spoken(before) and is_spoken(after)
    if sign == "-":
        # Between numbers it is a range.
        return link if is_inside and digits < 2 else " "
    if (
        (sign == "'" and is_inside)
        or (sign in _BETWEEN_LETTERS and letters == 2)
        or (sign in _BETWEEN_DIGITS and digits == 2)
        or (sign == ":" and has_colons and letters == 2)
        or (sign == "," and _WHATEVER.match(match.string, match.start() - 1))
    ):
        return sign
    return " "
