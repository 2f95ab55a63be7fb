"""What an attacker wants: which losses, how much of each, towards what."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import torch

from espnet_mtl.attack.victim import Victim


class Loss(Protocol):
    """What an attack makes small."""

    def __call__(self, speech: torch.Tensor) -> torch.Tensor:
        """Return each utterance's loss, (Batch,), of waveforms (Batch, Samples).

        It is differentiable with respect to the waveforms.
        """
        ...

    def rows(self, rows: torch.Tensor) -> "Loss":
        """Return the loss of some utterances; ``rows`` are their numbers, (Rows,)."""
        ...


@dataclass(frozen=True)
class WeightedLoss:
    """A weighted sum of the branches' losses towards texts and accents.

    A positive weight goes towards a text or an accent, a negative one away from it.

    Attributes:
        victim: The victim.
        weights: Weight by branch, as ``Attacker`` has them.
        lengths: Samples of each utterance, (Batch,).
        texts: Token ids.
        accents: Accent classes.
    """

    victim: Victim
    weights: Mapping[str, float]
    lengths: torch.Tensor
    texts: Sequence[Sequence[int]]
    accents: Sequence[int]

    def __call__(self, speech: torch.Tensor) -> torch.Tensor:
        """Calculate the loss; see :class:`Loss`."""
        losses = self.victim.losses(
            speech, self.lengths, self.texts, self.accents, tuple(self.weights)
        )
        return sum(weight * losses[name] for name, weight in self.weights.items())

    def rows(self, rows: torch.Tensor) -> "WeightedLoss":
        """Choose utterances; see :class:`Loss`."""
        numbers = rows.tolist()
        return replace(
            self,
            lengths=self.lengths[rows],
            texts=[self.texts[n] for n in numbers],
            accents=[self.accents[n] for n in numbers],
        )
