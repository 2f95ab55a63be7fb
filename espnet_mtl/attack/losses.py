"""What an attack minimises: losses of the branches, towards a text and an accent."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from typing import Protocol

import torch

from espnet_mtl.attack.victim import Victim


class Loss(Protocol):
    """What an attack minimises."""

    def __call__(self, speech: torch.Tensor) -> torch.Tensor:
        """Return each utterance's loss, (Batch,), of waveforms (Batch, Samples).

        It is differentiable with respect to the waveforms.
        """
        ...

    def rows(self, rows: torch.Tensor) -> "Loss":
        """Return the loss of some utterances; ``rows`` are their numbers, (Rows,)."""
        ...

    def longer(self, samples: int) -> "Loss":
        """Return the loss of the same utterances with audio longer by some samples."""
        ...


@dataclass(frozen=True)
class WeightedLoss:
    """A weighted sum of the branches' losses towards texts and accents.

    A positive weight goes towards a text or an accent, a negative one away from it.

    Attributes:
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
        return _sum(weight * losses[name] for name, weight in self.weights.items())

    def rows(self, rows: torch.Tensor) -> "WeightedLoss":
        """Choose utterances; see :class:`Loss`."""
        numbers = rows.tolist()
        return replace(
            self,
            lengths=self.lengths[rows],
            texts=[self.texts[n] for n in numbers],
            accents=[self.accents[n] for n in numbers],
        )

    def longer(self, samples: int) -> "WeightedLoss":
        """Allow for longer audio; see :class:`Loss`."""
        return replace(self, lengths=self.lengths + samples)


@dataclass(frozen=True)
class MeanLoss:
    """The mean of several models' losses; a ``Loss``.

    Liu et al. 2017 (arXiv 1611.02770, ensemble-based approaches) take the logarithm of
    the models' mean probability.

    Deviations: the mean of the losses, which is the logarithm of the geometric mean of
    probabilities. It has a gradient from every model, also from one that is sure of
    what was said, and needs no common tokens. All models weigh the same.
    """

    losses: Sequence[Loss]

    def __post_init__(self) -> None:
        if not self.losses:
            raise ValueError("losses: give at least one")

    def __call__(self, speech: torch.Tensor) -> torch.Tensor:
        """Calculate the loss; see :class:`Loss`."""
        return _sum(loss(speech) for loss in self.losses) / len(self.losses)

    def rows(self, rows: torch.Tensor) -> "MeanLoss":
        """Choose utterances; see :class:`Loss`."""
        return MeanLoss(tuple(loss.rows(rows) for loss in self.losses))

    def longer(self, samples: int) -> "MeanLoss":
        """Allow for longer audio; see :class:`Loss`."""
        return MeanLoss(tuple(loss.longer(samples) for loss in self.losses))


def _sum(values: Iterable[torch.Tensor]) -> torch.Tensor:
    return reduce(torch.add, values)
