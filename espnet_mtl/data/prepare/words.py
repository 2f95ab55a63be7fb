"""Texts and names in the form that data directories need."""

import re
import unicodedata

_APOSTROPHES = str.maketrans("’‘ʼ´`＇", "''''''")
# Languages that pair i with İ and ı with I.
_DOTTED_I = ("az", "crh", "kk-latn", "tr", "tt-latn")


def normalise_text(
    text: str, case: str = "keep", punctuation: str = "keep", lang: str = ""
) -> str:
    """Bring a sentence to one form.

    Args:
        text: As the corpus has it.
        case: ``keep``, ``upper`` or ``lower``.
        punctuation: ``keep``, or ``remove`` for all that is neither letter, mark nor
            digit, but for apostrophes inside words.
        lang: Language code: Turkish has capitals of its own.

    Returns:
        Words with one blank between.
    """
    text = unicodedata.normalize("NFC", text).translate(_APOSTROPHES)
    if punctuation == "remove":
        text = "".join(c if c == "'" or _is_spoken(c) else " " for c in text)
        text = re.sub(r"(?<!\w)'+|'+(?!\w)", " ", text)
    if case != "keep" and lang.lower() in _DOTTED_I:
        text = text.replace("i", "İ") if case == "upper" else text.replace("İ", "i")
        text = text.replace("I", "ı") if case == "lower" else text
    if case == "upper":
        text = text.upper()
    elif case == "lower":
        text = text.lower()
    return " ".join(text.split())


def _is_spoken(character: str) -> bool:
    return unicodedata.category(character)[0] in "LMN"


def make_id(name: str) -> str:
    """Make a speaker's name part of an utterance id.

    Ids are ``<speaker>-<clip>``. Whatever sorts before ``-`` could bring speakers into
    another order than their utterances, and ``-`` itself would too.

    Args:
        name: As the corpus has it.

    Returns:
        One word of letters, digits, ``_`` and ``.``.
    """
    return re.sub(r"[^\w.]+", "_", unicodedata.normalize("NFC", name).strip())


def make_class(label: str) -> str:
    """Make an accent label one word, which names a class.

    Args:
        label: As the corpus has it.

    Returns:
        Lower-case words with ``_`` between; empty where no letter or digit is left.
    """
    word = unicodedata.normalize("NFC", label).casefold()
    return re.sub(r"[^\w.+-]+", "_", word).strip("_")


def fold(label: str) -> str:
    """Make labels that differ in case and blanks alone the same.

    Args:
        label: As somebody wrote it.

    Returns:
        What to look up.
    """
    return " ".join(unicodedata.normalize("NFC", label).casefold().split())
