"""How well untouched audio was recognised: the scores of one decoding, from stage 13.

They lie in ``scores.json`` in the decoding's directory.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from espnet_mtl.results.files import read_result, write_result

CLEAN_SCORES_NAME = "scores.json"
_STAGE = 13

ErrorKind = Literal["wer", "cer", "ter"]
"""What errors are counted in: words, characters or tokens."""


@dataclass(frozen=True, kw_only=True)
class PooledErrors:
    """Errors of several utterances together, as ``sclite`` counts them.

    Attributes:
        wrong: Those of them with at least one error.
        correct: Words (or characters, or tokens) of the reference that were recognised.
        substitutions: Those recognised as another.
        deletions: Those left out.
        insertions: Recognised words without a counterpart in the reference.
    """

    utterances: int
    wrong: int
    correct: int
    substitutions: int
    deletions: int
    insertions: int

    @property
    def words(self) -> int:
        """Length of the reference."""
        return self.correct + self.substitutions + self.deletions

    @property
    def errors(self) -> int:
        """All errors together."""
        return self.substitutions + self.deletions + self.insertions

    @property
    def rate(self) -> float | None:
        """Errors in percent of the reference; ``None`` without any reference word."""
        return 100.0 * self.errors / self.words if self.words else None


@dataclass(frozen=True, kw_only=True)
class AccentConfusion:
    """Which accents were recognised as which.

    Attributes:
        accents: Their names, in the order of rows and columns.
        counts: Utterances, (Accents, Accents): rows true, columns recognised.
        unlabelled: Utterances whose true accent is not known; ``counts`` is without
            them.
        speakers: How many speakers have each true accent; empty where it was not
            asked who speaks.
        num_speakers: Speakers altogether.
        accuracy_ci: 95 % interval of the accuracy, over speakers; ``None`` where
            there is none.
        balanced_ci: The same of the balanced accuracy.
    """

    accents: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]
    unlabelled: int
    speakers: tuple[int, ...] = ()
    num_speakers: int = 0
    accuracy_ci: tuple[float, float] | None = None
    balanced_ci: tuple[float, float] | None = None

    @property
    def labelled(self) -> int:
        """Number of utterances in ``counts``."""
        return sum(map(sum, self.counts))

    @property
    def correct(self) -> int:
        """How many of them were recognised."""
        return sum(row[place] for place, row in enumerate(self.counts))

    @property
    def accuracy(self) -> float | None:
        """Percent of them that were recognised; ``None`` without any."""
        return 100.0 * self.correct / self.labelled if self.labelled else None

    @property
    def balanced_accuracy(self) -> float | None:
        """Mean recall of the accents that occur, in percent; ``None`` without any."""
        recalls = [self.recall(accent) for accent in self.accents]
        known = [recall for recall in recalls if recall is not None]
        return sum(known) / len(known) if known else None

    @property
    def majority_accent(self) -> str | None:
        """The most frequent true accent; ``None`` without any."""
        if not self.labelled:
            return None
        return max(zip(map(sum, self.counts), self.accents, strict=True))[1]

    @property
    def majority_share(self) -> float | None:
        """Percent of utterances with the most frequent accent.

        It is the accuracy of whoever always says that one.
        """
        most = max(map(sum, self.counts), default=0)
        return 100.0 * most / self.labelled if self.labelled else None

    @property
    def chance(self) -> float | None:
        """Balanced accuracy of guessing, or of always saying the same, in percent."""
        occurring = sum(map(any, self.counts))
        return 100.0 / occurring if occurring else None

    @property
    def is_learnt(self) -> bool:
        """Whether it is sure that accents are told apart better than by guessing.

        That is where the whole interval of the balanced accuracy is above chance.
        """
        if self.balanced_ci is None or self.chance is None:
            return False
        return self.balanced_ci[0] > self.chance

    def recall(self, accent: str) -> float | None:
        """Return the accuracy over one accent's utterances, in percent, if any."""
        place = self.accents.index(accent)
        row = self.counts[place]
        return 100.0 * row[place] / sum(row) if any(row) else None


@dataclass(frozen=True, kw_only=True)
class CleanScores:
    """Scores of one decoding of untouched audio.

    Attributes:
        decoder: Tag of the decoding.
        set: Name of the decoded set.
        errors: Pooled errors by what they are counted in.
        accents: Recognised accents; ``None`` without an accent head.
    """

    system: str
    decoder: str
    set: str
    errors: Mapping[ErrorKind, PooledErrors]
    accents: AccentConfusion | None = None


def write_clean_scores(hyp_dir: Path, scores: CleanScores) -> None:
    """Write the scores of a decoding into its directory."""
    write_result(hyp_dir / CLEAN_SCORES_NAME, scores)


def read_clean_scores(hyp_dir: Path) -> CleanScores:
    """Read the scores of a decoding from its directory.

    Raises:
        UserError: If it is not scored, or the file is damaged.
    """
    return read_result(hyp_dir / CLEAN_SCORES_NAME, CleanScores, _STAGE)
