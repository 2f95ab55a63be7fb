"""How far an attack may go from the clean audio."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch


def sample_mask(clean: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
    """Mark the samples that are audio and not padding.

    Args:
        clean: Waveforms, (Batch, Samples).
        lengths: Samples of each, (Batch,).

    Returns:
        1 where there is audio and 0 elsewhere, of ``clean``'s type, (Batch, Samples).
    """
    positions = torch.arange(clean.shape[1], device=clean.device)
    return (positions < lengths[:, None]).to(clean.dtype)


@dataclass(frozen=True)
class LinfBudget:
    """No sample changes by more than ``epsilon`` (Goodfellow et al. 2015, section 3).

    Attributes:
        epsilon: Largest change of a sample, of full scale 1.
    """

    epsilon: float

    def bounds(
        self, clean: torch.Tensor, lengths: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Find the perturbations that keep budget, [-1, 1] and padding.

        Args:
            clean: Waveforms in [-1, 1], (Batch, Samples).
            lengths: Samples of each, (Batch,).

        Returns:
            Lowest and highest perturbation of each sample, each (Batch, Samples).
        """
        mask = sample_mask(clean, lengths)
        lowest = torch.clamp(-1.0 - clean, min=-self.epsilon, max=0.0) * mask
        highest = torch.clamp(1.0 - clean, min=0.0, max=self.epsilon) * mask
        return lowest, highest

    def random(
        self, clean: torch.Tensor, lengths: torch.Tensor, seeds: Sequence[int]
    ) -> torch.Tensor:
        """Draw perturbations uniformly from the ball.

        Args:
            clean: Waveforms, (Batch, Samples).
            lengths: Samples of each, (Batch,).
            seeds: Seed of each utterance: its draw depends on nothing else.

        Returns:
            Perturbations inside the ball, before :meth:`bounds`, (Batch, Samples).
        """
        delta = torch.zeros_like(clean)
        for row, (seed, length) in enumerate(zip(seeds, lengths.tolist(), strict=True)):
            generator = torch.Generator().manual_seed(seed)
            noise = torch.rand(length, generator=generator) * 2.0 - 1.0
            delta[row, :length] = self.epsilon * noise.to(clean)
        return delta
