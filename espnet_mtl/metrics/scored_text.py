"""What scoring compares of a transcript: ESPnet's cleaners, and what counts."""

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass

from espnet_mtl.metrics.wer import split_chars, split_words


@dataclass(frozen=True)
class ScoredText:
    """How ESPnet's scoring prepares references and hypotheses.

    Attributes:
        clean_ref: Cleaner of references: that of the training (``cleaner``).
        clean_hyp: Cleaner of hypotheses (``hyp_cleaner``).
        symbols: Non-linguistic symbols (``nlsyms_txt``). They are no words, and are cut
            out of the characters; the tokens of the TER keep them.
    """

    clean_ref: Callable[[str], str] = str
    clean_hyp: Callable[[str], str] = str
    symbols: Collection[str] = ()

    def ref(self, text: str) -> str:
        """Return a reference as it is scored; any whitespace is one blank."""
        return self.clean_ref(_one_blank(text))

    def hyp(self, text: str) -> str:
        """Return a hypothesis as it is scored; any whitespace is one blank."""
        return self.clean_hyp(_one_blank(text))

    def words(self, text: str) -> list[str]:
        """Split a prepared text into the words of the WER."""
        return [word for word in split_words(text) if word not in self.symbols]

    def chars(self, text: str) -> list[str]:
        """Split a prepared text into the characters of the CER.

        A symbol takes a blank beside it along, as in ESPnet since 202611.
        """
        if self.symbols:
            cut = re.sub("|".join(map(re.escape, self.symbols)), "", text)
            text = text if cut == text else _one_blank(cut)
        return split_chars(text)

    def tokens(self, text: str) -> list[str]:
        """Split a prepared text into characters, with symbols whole."""
        if not self.symbols:
            return split_chars(text)
        parts = re.split(f"({'|'.join(map(re.escape, self.symbols))})", text)
        # Every second part is a symbol.
        return [
            unit
            for n, part in enumerate(parts)
            for unit in ([part] if n % 2 else split_chars(part))
        ]


def _one_blank(text: str) -> str:
    return " ".join(text.split())
