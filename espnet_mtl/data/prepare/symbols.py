"""Signs that people read aloud, such as ``%``: they go with the punctuation."""

import logging
import unicodedata

from espnet_mtl.data.prepare.options import Options


class Symbols:
    """Counts the texts that have such signs."""

    def __init__(self) -> None:
        self._texts = 0
        self._first = ""

    def look(self, text: str, place: object) -> None:
        """Look at a text as the corpus has it; the first place is told."""
        found = find_symbols(text)
        if found:
            self._texts += 1
            self._first = self._first or f"{place}: {' '.join(found)}"

    def report(self, options: Options) -> None:
        """Warn where the signs are left out, but not what was said."""
        if self._texts and options.punctuation == "remove":
            logging.warning(
                "%d texts have signs that people read aloud (%s). --punctuation remove "
                "leaves them out; write them as words, so that the text has all that "
                "is said",
                self._texts,
                self._first,
            )


def find_symbols(text: str) -> str:
    """Find the signs in a text that are read aloud, each once."""
    return "".join(dict.fromkeys(text.translate(_ONLY_SYMBOLS)))


class _OnlySymbols(dict[int, str]):
    """Leaves out every other character."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        category = unicodedata.category(character)
        self[code] = character if category in ("Sc", "Sm") or code in _OTHERS else ""
        return self[code]


_OTHERS = frozenset(map(ord, "&@%‰§°"))
_ONLY_SYMBOLS = _OnlySymbols()
