"""Which readings depart from the text, by how their words compare with all others'.

An aligner finds every word of the text in every reading. A word that was left out gets
a few frames of something else, one that was repeated gets too many or leaves loud sound
that belongs to no word; both fit badly.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from align import Alignment

UNUSUAL = 3.5  # robust z-score (Iglewicz and Hoaglin 1993)
# Least deviations: those of the word in which 637 readers of the archive agree most.
# Fewer readers may agree more by chance.
LENGTHS, SCORES = 0.12, 0.0005  # of logarithms of seconds, of a word's score
MOST_UNUSUAL = 0.1  # of a reading's words: 7 of the passage's 69
# Between words, so much that is as loud as they are is not in the text.
MOST_LOUD_SECONDS = 6.0
_SHOWN = 8


@dataclass(frozen=True)
class Verdict:
    """What is found in a reading.

    Attributes:
        unusual: Places of words of unusual length or bad fit: cut none of them out.
        why: Why the reading is dropped; empty if it stays.
    """

    unusual: tuple[int, ...]
    why: str = ""


def judge(
    alignments: Mapping[str, Alignment], text: Sequence[str]
) -> dict[str, Verdict]:
    """Judge readings that have been aligned; those without words depart in any case.

    Lengths are compared as logarithms, less the reading's median: how fast it is.
    """
    verdicts = {
        name: Verdict((), alignment.why)
        for name, alignment in alignments.items()
        if not alignment.words
    }
    aligned = [name for name in alignments if name not in verdicts]
    if not aligned:
        return verdicts
    words = [alignments[name].words for name in aligned]
    logs = np.log([[word.end - word.start for word in row] for row in words])
    logs -= np.median(logs - np.median(logs, axis=0), axis=1, keepdims=True)
    scores = np.array([[word.score for word in row] for row in words])
    z_lengths, z_scores = _robust_z(logs, LENGTHS), _robust_z(scores, SCORES)
    unusual = (np.abs(z_lengths) > UNUSUAL) | (z_scores < -UNUSUAL)
    for name, row, flags in zip(aligned, words, unusual, strict=True):
        places = tuple(int(place) for place in np.flatnonzero(flags))
        loud = sum(word.loud_before for word in row[1:])
        why = ""
        if len(places) > round(MOST_UNUSUAL * len(text)):
            shown = ", ".join(text[place] for place in places[:_SHOWN])
            more = ", ..." if len(places) > _SHOWN else ""
            why = f"{len(places)} of {len(text)} words are unusual: {shown}{more}"
        elif loud > MOST_LOUD_SECONDS:
            why = f"{loud:.1f} s of loud sound are between the words"
        verdicts[name] = Verdict(places, why)
    return {name: verdicts[name] for name in alignments}


def _robust_z(values: np.ndarray, least: float) -> np.ndarray:
    """Compare each column's values with its median, in robust standard deviations."""
    distance = values - np.median(values, axis=0)
    spread = 1.4826 * np.median(np.abs(distance), axis=0)
    z: np.ndarray = distance / np.maximum(spread, least)
    return z
