"""Accent recognition: accuracy, confusions, and word errors by accent."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from espnet_mtl.data.datadir import UNKNOWN_ACCENT


@dataclass(frozen=True)
class AccentScores:
    """How well accents were recognised.

    Attributes:
        accents: Names, in the order of rows and columns.
        counts: Utterances; rows true, columns recognised, (Accents, Accents).
        unlabelled: Utterances whose accent is not known; they are not in ``counts``.
    """

    accents: Sequence[str]
    counts: np.ndarray
    unlabelled: int

    @property
    def labelled(self) -> int:
        """Number of utterances that count."""
        return int(self.counts.sum())

    @property
    def accuracy(self) -> float:
        """Percent of the labelled utterances; NaN without any."""
        return _percent(np.trace(self.counts), self.labelled)

    def recall(self, accent: str) -> float:
        """Return the accuracy over one accent's utterances, in percent."""
        row = self.counts[self.accents.index(accent)]
        return _percent(row[self.accents.index(accent)], row.sum())


def score_accents(
    truth: Mapping[str, str],
    recognised: Mapping[str, str],
    accents: Sequence[str] = (),
) -> AccentScores:
    """Compare accents.

    Args:
        truth: Accent by utterance; ``<unk>`` where not known, which is left out.
        recognised: Accent by utterance, for all of them. ``<unk>``, for audio too
            short to be recognised, is wrong.
        accents: Names that come first, in this order, even if none occurs.

    Returns:
        The scores.
    """
    labelled = [utt for utt, accent in truth.items() if accent != UNKNOWN_ACCENT]
    found = {truth[utt] for utt in labelled} | {recognised[utt] for utt in labelled}
    names = [*accents, *sorted(found.difference(accents))]
    counts = np.zeros((len(names), len(names)), dtype=int)
    for utt in labelled:
        counts[names.index(truth[utt]), names.index(recognised[utt])] += 1
    return AccentScores(names, counts, len(truth) - len(labelled))


def _percent(part: int, whole: int) -> float:
    return 100.0 * float(part) / float(whole) if whole else math.nan
