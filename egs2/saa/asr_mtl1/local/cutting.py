"""Which parts of a reading become which utterances.

A *phrase* is a few neighbouring words. A *spliced* utterance joins two or three pieces
of one reading that are not neighbours in the text: whoever learns from phrases alone
learns the order of the passage, and knows each word by the one before.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, islice
from typing import NamedTuple

import numpy as np
from align import Alignment

from espnet_mtl.data.corpus import seed_with
from espnet_mtl.data.prepare.speaker_split import draw

PHRASE, SPLICED = "phrase", "spliced"
PHRASE_WORDS = (3, 6)
PIECE_WORDS = (2, 5)
PIECES = (2, 3)
# A break inside a piece: what is between its words is said, or a pause is too long.
LOUD_SECONDS = 0.15
PAUSE_SECONDS = 0.5
TEXT_SHARES = {"test": 0.1, "valid": 0.1}
_TRIES = 3000


class Piece(NamedTuple):
    """Neighbouring words of a reading, from the first to before ``end``."""

    first: int
    end: int


@dataclass(frozen=True)
class Utterance:
    """Pieces of one reading, in the order in which they are joined.

    Attributes:
        path: The recording of the reading.
        kind: ``phrase`` or ``spliced``.
    """

    key: str
    speaker: str
    accent: str
    text: str
    path: str
    kind: str
    pieces: tuple[Piece, ...]


def set_of(text: str, seed: int) -> str:
    """Choose the set that may have a text, by the text alone."""
    share = int.from_bytes(draw(seed, f"text {text}")[:8], "big") / 2**64
    for name, width in TEXT_SHARES.items():
        if share < width:
            return name
        share -= width
    return "train"


def find_pieces(
    alignment: Alignment, unusual: Sequence[int], words: tuple[int, int]
) -> list[Piece]:
    """List the pieces of so many words that can be cut out of a reading.

    Args:
        unusual: Places of words that no piece may have.
        words: Fewest and most words of a piece.
    """
    whole = [True] * len(alignment.words)  # whether a piece may have this word
    for place in unusual:
        whole[place] = False
    goes_on = [False]  # whether it may have the one before, too
    for before, word in zip(alignment.words, alignment.words[1:], strict=False):
        pause = word.start - before.end
        goes_on.append(word.loud_before < LOUD_SECONDS and pause < PAUSE_SECONDS)
    pieces = []
    for first in range(len(whole)):
        for end in range(first + 1, min(first + words[1], len(whole)) + 1):
            if not whole[end - 1] or (end - 1 > first and not goes_on[end - 1]):
                break
            if end - first >= words[0]:
                pieces.append(Piece(first, end))
    return pieces


class Cutter:
    """Plans the utterances of readings of one text."""

    def __init__(self, text: Sequence[str], seed: int) -> None:
        self._text = text
        self._seed = seed
        self._sets: dict[str, str] = {}

    def say(self, pieces: Sequence[Piece]) -> str:
        """Return what pieces say together."""
        return " ".join(word for p in pieces for word in self._text[p.first : p.end])

    def plan(
        self,
        name: str,
        reading: str,
        alignment: Alignment,
        unusual: Sequence[int],
        amounts: Mapping[str, int],
    ) -> list[tuple[str, tuple[Piece, ...]]]:
        """Choose utterances of a reading, as their kind and pieces.

        No two have the same text. There are fewer than asked for where a reading has
        too few words that can be cut.

        Args:
            name: The set, whose texts are used.
            reading: Name of the reading: the choice depends on it and on the seed.
            unusual: Places of words that are not used.
            amounts: How many are asked for, by kind.
        """
        rng = np.random.RandomState()
        kinds = {
            PHRASE: (PHRASE_WORDS, self._draw_phrases),
            SPLICED: (PIECE_WORDS, self._draw_spliced),
        }
        chosen = []
        for kind, (words, draw_some) in kinds.items():
            seed_with(rng, f"{self._seed} {reading} {kind}")
            pieces = find_pieces(alignment, unusual, words)
            drawn = islice(draw_some(rng, name, pieces), amounts[kind])
            chosen += [(kind, one) for one in drawn]
        return chosen

    def _is_of(self, name: str, pieces: Sequence[Piece]) -> bool:
        text = self.say(pieces)
        if text not in self._sets:
            self._sets[text] = set_of(text, self._seed)
        return self._sets[text] == name

    def _draw_phrases(
        self, rng: np.random.RandomState, name: str, pieces: Sequence[Piece]
    ) -> Iterator[tuple[Piece, ...]]:
        """Draw phrases: first those that have no word in common, then all others."""
        own = [piece for piece in pieces if self._is_of(name, [piece])]
        shuffled = [own[place] for place in rng.permutation(len(own))]
        apart: list[Piece] = []
        for piece in shuffled:
            if all(_count_between(piece, other) >= 0 for other in apart):
                apart.append(piece)
        rest = [piece for piece in shuffled if piece not in apart]
        yield from ((piece,) for piece in [*apart, *rest])

    def _draw_spliced(
        self, rng: np.random.RandomState, name: str, pieces: Sequence[Piece]
    ) -> Iterator[tuple[Piece, ...]]:
        seen: set[str] = set()
        for _ in range(_TRIES if pieces else 0):
            number = rng.randint(PIECES[0], PIECES[1] + 1)
            drawn = [pieces[i] for i in rng.randint(0, len(pieces), number)]
            pairs = combinations(drawn, 2)
            if any(_count_between(*pair) < 1 for pair in pairs):
                continue
            text = self.say(drawn)
            if text not in seen and self._is_of(name, drawn):
                seen.add(text)
                yield tuple(drawn)


def _count_between(one: Piece, other: Piece) -> int:
    """Count the words of the text between two pieces; below 0 if they share some."""
    return max(other.first - one.end, one.first - other.end)
