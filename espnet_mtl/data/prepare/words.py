"""Texts and names in the form that data directories need."""

import re
import unicodedata

_APOSTROPHES = str.maketrans("’‘ʼ´`＇", "''''''")
# Languages that pair i with İ and ı with I.
_DOTTED_I = ("az", "crh", "kk-latn", "tr", "tt-latn")


def normalise_text(
    text: str, case: str = "keep", punctuation: str = "keep", lang: str = ""
) -> str:
    """Bring a sentence to one form, words with one blank between.

    Args:
        text: As the corpus has it.
        case: ``keep``, ``upper`` or ``lower``.
        punctuation: ``keep``, or ``remove`` for all that is neither letter, mark nor
            digit, but for apostrophes inside words.
        lang: Language code: Turkish has capitals of its own.
    """
    text = unicodedata.normalize("NFC", text).translate(_APOSTROPHES)
    if punctuation == "remove":
        text = text.translate(_UNSPOKEN)
        text = re.sub(r"(?<!\w)'+|'+(?!\w)", " ", text)
    if case != "keep" and lang.lower() in _DOTTED_I:
        text = text.replace("i", "İ") if case == "upper" else text.replace("İ", "i")
        text = text.replace("I", "ı") if case == "lower" else text
    if case == "upper":
        text = text.upper()
    elif case == "lower":
        text = text.lower()
    return " ".join(text.split())


class _Unspoken(dict[int, str]):
    """Turns what is neither letter, mark, digit nor apostrophe to a blank."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        spoken = character == "'" or _is_spoken(character)
        self[code] = character if spoken else " "
        return self[code]


_UNSPOKEN = _Unspoken()


def make_id(name: str) -> str:
    """Make a speaker's name part of an utterance id: letters, digits, ``_`` and ``.``.

    Ids are ``<speaker>-<clip>``. Whatever sorts before ``-`` could bring speakers into
    another order than their utterances, and ``-`` itself would too.
    """
    return _join(unicodedata.normalize("NFC", name).strip(), "_.")


def make_class(label: str) -> str:
    """Make an accent label the name of a class: lower-case words with ``_`` between.

    It is empty where no letter or digit is left.
    """
    return _join(unicodedata.normalize("NFC", label).casefold(), "_.+-").strip("_")


def _join(name: str, allowed: str) -> str:
    """Put ``_`` in place of what is neither spoken nor allowed."""
    # Marks belong to letters: without them, words of many scripts are the same.
    return re.sub(
        "\0+", "_", "".join(c if c in allowed or _is_spoken(c) else "\0" for c in name)
    )


def _is_spoken(character: str) -> bool:
    """Whether it is a letter, a mark or a digit."""
    return unicodedata.category(character)[0] in "LMN"


def fold(label: str) -> str:
    """Make labels that differ only in case and blanks the same."""
    return " ".join(unicodedata.normalize("NFC", label).casefold().split())


def is_broken(name: str) -> bool:
    """Whether a file's name is not UTF-8, so that no table can hold it."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return True
    return False


def show(name: str) -> str:
    """Give a file's name as a table can hold it, other bytes than UTF-8 spelt out."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
