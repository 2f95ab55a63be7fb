"""What an attacker wants to be recognised, and how far off the result is."""

from dataclasses import dataclass
from typing import NamedTuple

from espnet_mtl.metrics.wer import count_edits, fold_case, split_words


class Heard(NamedTuple):
    """What was recognised in an utterance: transcript and accent."""

    text: str
    accent: str | None = None  # without an accent branch


@dataclass(frozen=True)
class Wish:
    """What an attacker wants to be recognised in one utterance.

    Attributes:
        words: ``target``: the target. ``away``: other words than were said. ``keep``:
            the words that were said, while the accent changes.
        target: The target.
        truth: What was said.
        accent: The accent that the attacker wants; with ``to_accent`` ``away``, the
            one to get away from.
        to_accent: How the attacker chose it.
    """

    words: str
    target: str
    truth: str
    accent: str | None = None
    to_accent: str = "random"

    def cost(self, heard: Heard, unit: str = "word") -> float:
        """Count how far the attacker still has to go, in units ``word`` or ``char``.

        Returns:
            0 where nothing is left to do. For ``target``, edits between target and
            transcript. For ``away``, length of the truth minus edits between truth and
            transcript, at least 0. For ``keep``, edits between truth and transcript,
            plus 1 if the accent is not as wanted.
        """
        transcript = _units(heard.text, unit)
        if self.words == "target":
            return float(count_edits(_units(self.target, unit), transcript).errors)
        truth = _units(self.truth, unit)
        errors = count_edits(truth, transcript).errors
        if self.words == "away":
            return float(max(0, len(truth) - errors))
        has_accent = (heard.accent == self.accent) is (self.to_accent != "away")
        return float(errors + (not has_accent))

    def is_fulfilled(self, heard: Heard) -> bool:
        """Tell whether an attack has succeeded: nothing is left to do.

        For ``away``, where more words can always be changed, one is enough.
        """
        if self.words == "away":
            return self.cost(heard) < len(_units(self.truth, "word"))
        return self.cost(heard) == 0


def _units(text: str, unit: str) -> list[str]:
    words = fold_case(split_words(text))
    return words if unit == "word" else list(" ".join(words))
