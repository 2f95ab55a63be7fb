"""Names and labels in the form that data directories need."""

import re

from espnet_mtl.data.prepare.characters import drop_invisible, is_spoken


def make_id(name: str) -> str:
    """Make a speaker's name part of an utterance id: letters, digits, ``_`` and ``.``.

    Ids are ``<speaker>-<clip>``. Whatever sorts before ``-`` could bring speakers into
    another order than their utterances, and ``-`` itself would too.
    """
    return _join(drop_invisible(name).strip(), "_.")


def make_class(label: str) -> str:
    """Make an accent label the name of a class: lower-case words with ``_`` between.

    It is empty where no letter or digit is left.
    """
    return _join(drop_invisible(label).casefold(), "_.+-").strip("_")


def _join(name: str, allowed: str) -> str:
    """Put ``_`` in place of what is neither spoken nor allowed."""
    # Marks belong to letters: without them, words of many scripts are the same.
    return re.sub(
        "\0+", "_", "".join(c if c in allowed or is_spoken(c) else "\0" for c in name)
    )


def fold(label: str) -> str:
    """Make labels that differ only in case and blanks the same."""
    return " ".join(drop_invisible(label).casefold().split())


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
