"""What an attacker wishes to be heard, and whether it was."""

from dataclasses import dataclass
from typing import NamedTuple

from espnet_mtl.metrics.wer import count_edits, fold_case, split_words


class Heard(NamedTuple):
    """What a recogniser heard in an utterance.

    Attributes:
        text: The transcript.
        accent: The accent's label; ``None`` without an accent branch.
    """

    text: str
    accent: str | None = None


@dataclass(frozen=True)
class Wish:
    """What an attacker wishes to be heard in one utterance.

    Attributes:
        words: ``target``, ``away`` or ``keep``; see ``Attacker``.
        target: The target.
        truth: What was said.
        accent: The accent that is to be heard; for ``away``, not to be.
        to_accent: How the attacker chose it.
    """

    words: str
    target: str
    truth: str
    accent: str | None = None
    to_accent: str = "random"

    def cost(self, heard: Heard, unit: str = "word") -> float:
        """Tell how far what was heard is from the wish.

        Args:
            heard: What was heard.
            unit: ``word`` or ``char``: what edits are counted in.

        Returns:
            ``target``: edits between target and transcript. ``away``: units of the
            truth less the edits, at least 0: more edits are better until nothing is
            left. ``keep``: edits between truth and transcript, and 1 unless the accent
            is as wished. 0: fulfilled.
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
            heard: What was heard.

        Returns:
            Whether there is nothing left to do; for ``away``, which can always do more,
            whether any word is another than was said.
        """
        if self.words == "away":
            return self.cost(heard) < len(_units(self.truth, "word"))
        return self.cost(heard) == 0

    def _accent_is_as_wished(self, heard: Heard) -> bool:
        return (heard.accent == self.accent) is (self.to_accent != "away")


def _units(text: str, unit: str) -> list[str]:
    words = fold_case(split_words(text))
    return words if unit == "word" else list(" ".join(words))
