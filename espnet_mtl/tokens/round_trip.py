"""Whether a model can write a text: ``decode(encode(text)) == text``."""

import logging
from collections.abc import Callable, Mapping
from itertools import zip_longest
from typing import NamedTuple

from espnet_mtl.errors import UserError
from espnet_mtl.metrics.wer import fold_case, split_words

_MOST = 0.5  # of the training set: more than that is a mistake, not a rare character


class Unwritable(NamedTuple):
    """A text that comes out of a model's tokens as another.

    Attributes:
        text: The text.
        written: What the tokens say; ``<unk>`` stands for what no token can.
    """

    text: str
    written: str


def find_unwritable(
    texts: Mapping[str, str], write: Callable[[str], str]
) -> dict[str, Unwritable]:
    """Find the texts that a model cannot write, by utterance.

    A model that recognises such a text perfectly is still scored as wrong, and an
    attack can never reach it as a target. Texts are compared as scoring compares them:
    word by word, without case.

    Args:
        texts: Texts by utterance.
        write: Cleaner, tokenizer and token list, there and back: says what the tokens
            of a text spell.
    """
    written = {text: write(text) for text in set(texts.values())}
    return {
        utt: Unwritable(text, written[text])
        for utt, text in texts.items()
        if _words(text) != _words(written[text])
    }


def check_writable(
    sets: Mapping[str, Mapping[str, str]],
    write: Callable[[str], str],
    explain: Callable[[], str],
) -> None:
    """Warn of transcripts that the model's tokens cannot write.

    Args:
        sets: Transcripts by utterance, of each set by its name; the first is that of
            the training.
        write: See :func:`find_unwritable`.
        explain: Says afterwards what to do about it.

    Raises:
        UserError: If it is most of the training set: the tokens belong to another text.
    """
    found = {name: find_unwritable(texts, write) for name, texts in sets.items()}
    faults = {name: texts for name, texts in found.items() if texts}
    if not faults:
        return
    counts = "".join(
        f"\n    {name}: {len(texts)} of {len(sets[name])} utterances, such as "
        f"'{utt}': {_first_difference(one)}"
        for name, texts in faults.items()
        for utt, one in list(texts.items())[:1]
    )
    message = (
        "The model's tokens cannot write some transcripts as they are, so even a "
        f"perfect recogniser is scored as wrong there:{counts}\n  {explain()}"
    )
    train = next(iter(sets))
    if len(found[train]) > _MOST * len(sets[train]):
        raise UserError(message)
    logging.warning("%s", message)


def _first_difference(one: Unwritable) -> str:
    words = zip_longest(split_words(one.text), split_words(one.written), fillvalue="")
    said, written = next(
        (pair for pair in words if _words(pair[0]) != _words(pair[1])), one
    )
    return f"'{said}' becomes '{written}'"


def _words(text: str) -> list[str]:
    return fold_case(split_words(text))
