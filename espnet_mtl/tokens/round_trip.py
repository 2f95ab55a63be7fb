"""Whether a model can write a text: ``decode(encode(text)) == text``."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from espnet_mtl.metrics.wer import fold_case, split_words


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


def _words(text: str) -> list[str]:
    return fold_case(split_words(text))
