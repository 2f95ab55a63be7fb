"""What an attacker wants: which losses, how much of each, towards what."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch

from espnet_mtl.attack.victim import Victim

Loss = Callable[[torch.Tensor], torch.Tensor]


@dataclass(frozen=True)
class TargetedLoss:
    """The loss of a batch towards what the attacker wants heard, to be made small.

    Attributes:
        victim: The victim.
        weights: Weight by branch, as :func:`resolve_weights` returns.
        lengths: Samples of each utterance, (Batch,).
        texts: Target token ids.
        accents: Target accent classes.
    """

    victim: Victim
    weights: Mapping[str, float]
    lengths: torch.Tensor
    texts: Sequence[Sequence[int]]
    accents: Sequence[int]

    def __call__(self, speech: torch.Tensor) -> torch.Tensor:
        """Calculate the loss.

        Args:
            speech: Waveforms, (Batch, Samples).

        Returns:
            Loss of each utterance, (Batch,).
        """
        losses = self.victim.losses(
            speech, self.lengths, self.texts, self.accents, tuple(self.weights)
        )
        return sum(weight * losses[name] for name, weight in self.weights.items())
