"""What an attacker wants to be recognised, and how far off the result is."""

from dataclasses import dataclass
from typing import NamedTuple

from espnet_mtl.metrics.wer import count_edits, fold_case, split_words


class Heard(NamedTuple):
    """What was recognised in an utterance.

    Attributes:
        text: The transcript.
        accent: The accent's label; ``None`` without an accent branch.
    """

    text: str
    accent: str | None = None


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
        """Count how far the attacker still has to go.

        Args:
            heard: What was recognised.
            unit: ``word`` or ``char``: what is counted.

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
        return float(errors + (not self._accent_is_as_wished(heard)))

    def is_fulfilled(self, heard: Heard) -> bool:
        """Tell whether an attack has succeeded.

        Args:
            heard: What was recognised.

        Returns:
            Whether nothing is left to do; for ``away``, where more words can always be
            changed, whether at least one is.
        """
        if self.words == "away":
            return self.cost(heard) < len(_units(self.truth, "word"))
        return self.cost(heard) == 0

    def _accent_is_as_wished(self, heard: Heard) -> bool:
        return (heard.accent == self.accent) is (self.to_accent != "away")


def _units(text: str, unit: str) -> list[str]:
    words = fold_case(split_words(text))
    return words if unit == "word" else list(" ".join(words))
