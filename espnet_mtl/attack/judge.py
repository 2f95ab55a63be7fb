"""What the attacker wishes to be heard, and who judges whether it is."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from espnet_mtl.attack.victim import Heard, Listener
from espnet_mtl.metrics.wer import count_edits, fold_case, split_words

# What of attacked audio is left in its file: (clean, attacked, radius) -> samples.
Saved = Callable[[np.ndarray, np.ndarray, float], np.ndarray]


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

    def _accent_is_as_wished(self, heard: Heard) -> bool:
        return (heard.accent == self.accent) is (self.to_accent != "away")


def _units(text: str, unit: str) -> list[str]:
    words = fold_case(split_words(text))
    return words if unit == "word" else list(" ".join(words))


@dataclass(frozen=True)
class FileJudge:
    """Judges what a file of the attacked audio would hold; a ``Judge``.

    Attributes:
        listener: The real decoder.
        clean: Waveforms, (Batch, Samples).
        lengths: Samples of each, (Batch,).
        radius: Of each utterance's ball, (Batch,).
        saved: What a file keeps.
        wishes: One an utterance.
    """

    listener: Listener
    clean: torch.Tensor
    lengths: torch.Tensor
    radius: torch.Tensor
    saved: Saved
    wishes: Sequence[Wish]

    def hear(self, delta: torch.Tensor) -> list[Heard]:
        """Listen to each utterance alone; see ``Judge``."""
        heard = []
        for row, length in enumerate(self.lengths.tolist()):
            clean = self.clean[row, :length].cpu().numpy()
            attacked = clean + delta[row, :length].detach().cpu().numpy()
            samples = self.saved(clean, attacked, float(self.radius[row]))
            heard.append(self.listener(samples))
        return heard

    def cost(self, heard: Sequence[Heard], unit: str = "word") -> torch.Tensor:
        """Compare with the wishes; see ``Judge``."""
        costs = [w.cost(h, unit) for w, h in zip(self.wishes, heard, strict=True)]
        return torch.tensor(costs, device=self.clean.device)

    def rows(self, rows: torch.Tensor) -> "FileJudge":
        """Choose utterances; see ``Judge``."""
        return replace(
            self,
            clean=self.clean[rows],
            lengths=self.lengths[rows],
            radius=self.radius[rows],
            wishes=[self.wishes[n] for n in rows.tolist()],
        )
