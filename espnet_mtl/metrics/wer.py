"""Edit counts and pooled error rates, as ``sclite`` counts them.

``sclite`` aligns with weights 4 for a substitution and 3 for an insertion or deletion.
Where several alignments cost the same it takes, going back from the last word, a match
or substitution before an insertion before a deletion.

These weights do not always give the fewest errors: a deletion with an insertion costs
as much as 1.5 substitutions, where plain edit distance says 2. Alignments of the same
two sentences differ only in substitutions and in such pairs, since deletions minus
insertions is the difference of the lengths. So an alignment with ``g`` pairs fewer
than sclite's has at least ``1.5 g`` substitutions more: ``g / 2`` errors fewer at most.
With ``E`` errors and ``G = min(deletions, insertions)`` pairs in sclite's alignment:

    E - G / 2  <=  edit distance  <=  E

With fewer than two pairs both are equal. At the high error rates of attacked speech
they need not be: ``u v w a b`` against ``a b x y z`` has 6 errors in sclite and 5 by
edit distance. ``UNIT`` weights give plain edit distance, which ``jiwer`` counts.
"""

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple


class Weights(NamedTuple):
    """Cost of each error in an alignment; ``gap`` is an insertion or a deletion."""

    substitution: int
    gap: int


SCLITE = Weights(substitution=4, gap=3)
UNIT = Weights(substitution=1, gap=1)

_FOLD = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz")


class EditCounts(NamedTuple):
    """Counts of one alignment, or their sums over several."""

    correct: int
    substitutions: int
    deletions: int
    insertions: int

    @property
    def errors(self) -> int:
        """Substitutions, deletions and insertions together."""
        return self.substitutions + self.deletions + self.insertions

    @property
    def words(self) -> int:
        """Length of the reference."""
        return self.correct + self.substitutions + self.deletions


def count_edits(
    reference: Sequence[str], hypothesis: Sequence[str], weights: Weights = SCLITE
) -> EditCounts:
    """Align two sentences and count the errors.

    Args:
        reference: Words (or characters, or tokens) that should have been recognised.
        hypothesis: Those that were.
        weights: What the alignment minimises.
    """
    rows, columns = len(reference), len(hypothesis)
    if list(reference) == list(hypothesis):
        return EditCounts(rows, 0, 0, 0)

    # 1. Cost of the best alignment of all beginnings, and substitutions in it
    costs = [weights.gap * column for column in range(columns + 1)]
    substitutions = [0] * (columns + 1)
    for row, word in enumerate(reference, start=1):
        above, above_substitutions = costs, substitutions
        costs, substitutions = [weights.gap * row], [0]
        left, left_substitutions = costs[0], 0
        for column, heard in enumerate(hypothesis):
            best, chosen = above[column], above_substitutions[column]
            if word != heard:
                best += weights.substitution
                chosen += 1
            if left + weights.gap < best:
                best, chosen = left + weights.gap, left_substitutions
            if above[column + 1] + weights.gap < best:
                best = above[column + 1] + weights.gap
                chosen = above_substitutions[column + 1]
            costs.append(best)
            substitutions.append(chosen)
            left, left_substitutions = best, chosen

    # 2. The rest follows: what is not a substitution is a gap, and deletions minus
    # insertions is the difference of the lengths.
    gaps = (costs[-1] - weights.substitution * substitutions[-1]) // weights.gap
    deletions = (gaps + rows - columns) // 2
    return EditCounts(
        correct=rows - substitutions[-1] - deletions,
        substitutions=substitutions[-1],
        deletions=deletions,
        insertions=gaps - deletions,
    )


def count_words(reference: str, hypothesis: str) -> EditCounts:
    """Count the word errors of an utterance; capital letters make no difference."""
    return count_edits(
        fold_case(split_words(reference)), fold_case(split_words(hypothesis))
    )


def pool(counts: Iterable[EditCounts]) -> EditCounts:
    """Add up the counts of utterances."""
    return EditCounts(*map(sum, zip(EditCounts(0, 0, 0, 0), *counts, strict=True)))


def error_rate(errors: int, words: int) -> float:
    """Return the error rate of pooled errors and reference words, in percent.

    It is above 100 where there are many insertions, and NaN without reference words.
    """
    return 100.0 * errors / words if words else math.nan


def fold_case(words: Iterable[str]) -> list[str]:
    """Put words into lower case, as ``sclite`` does unless called with ``-s``.

    As in ``sclite``, only ASCII letters change.
    """
    return [word.translate(_FOLD) for word in words]


def split_words(text: str) -> list[str]:
    """Split a text at blanks."""
    return text.split()


def split_chars(text: str) -> list[str]:
    """Split a text into characters, as ESPnet's CER does: a blank is ``<space>``."""
    return ["<space>" if char == " " else char for char in text]
