"""Whether an attacker has reached the goal: the real decoder judges."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch

from espnet_mtl.attack.quantise import Saved
from espnet_mtl.attack.victim import Hear
from espnet_mtl.metrics.wish import Heard, Wish


@dataclass(frozen=True)
class FileJudge:
    """Judges what a file of the attacked audio would hold; a ``Judge``.

    Attributes:
        listener: The real decoder.
        clean: Waveforms, (Batch, Samples).
        lengths: Samples of each, (Batch,).
        radius: Of each utterance's ball, (Batch,).
        saved: What a file keeps.
        wishes: The goal in each utterance.
    """

    listener: Hear
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
        """Compare with the goals; see ``Judge``."""
        costs = [w.cost(h, unit) for w, h in zip(self.wishes, heard, strict=True)]
        return torch.tensor(costs, device=self.clean.device)

    def around(self, clean: torch.Tensor) -> "FileJudge":
        """Listen around other audio; see ``Judge``."""
        return replace(self, clean=clean)

    def rows(self, rows: torch.Tensor) -> "FileJudge":
        """Choose utterances; see ``Judge``."""
        return replace(
            self,
            clean=self.clean[rows],
            lengths=self.lengths[rows],
            radius=self.radius[rows],
            wishes=[self.wishes[n] for n in rows.tolist()],
        )
