"""How transcripts of the same utterance vote for one of them.

The winner is always a sentence that the recogniser itself has written. ROVER (Fiscus
1997), which votes word by word after an alignment, may compose one that nobody heard,
has no tokens for it, and depends on the order in which transcripts are aligned.
"""

from collections import Counter
from collections.abc import Callable, Sequence

from espnet_mtl.metrics.wer import UNIT, count_edits, fold_case, split_words

# From the transcripts to a cost of each different one: the lowest wins.
Vote = Callable[[Counter[str]], dict[str, float]]


def nearest(votes: Counter[str]) -> dict[str, float]:
    """Cost of a transcript: its mean distance from all of them, in word edits.

    With transcripts drawn at random, this is the expected number of word errors if one
    of them is right: minimum Bayes risk (Goel and Byrne 2000), as Stolcke et al. 1997
    ("Explicit word error minimization in N-best list rescoring") choose from a list.
    """
    words = {text: fold_case(split_words(text)) for text in votes}
    return {
        text: sum(
            number * count_edits(words[other], words[text], UNIT).errors
            for other, number in votes.items()
        )
        / votes.total()
        for text in votes
    }


def majority(votes: Counter[str]) -> dict[str, float]:
    """Cost of a transcript: the share of transcripts that say something else."""
    return {text: 1.0 - number / votes.total() for text, number in votes.items()}


VOTES: dict[str, Vote] = {"nearest": nearest, "majority": majority}


def rank(transcripts: Sequence[str], vote: str) -> list[tuple[str, float]]:
    """Rank the different transcripts, each with its cost; the winner is first.

    Of two that cost the same, the one that was heard more often wins, then the one that
    was heard first.

    Args:
        transcripts: One of each draw, at least one.
        vote: A name in ``VOTES``.
    """
    votes = Counter(transcripts)
    costs = VOTES[vote](votes)
    # Sorting keeps the order of first hearing, which a Counter has.
    return sorted(costs.items(), key=lambda one: (one[1], -votes[one[0]]))
