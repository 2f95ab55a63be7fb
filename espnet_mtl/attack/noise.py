"""The control: noise that knows nothing of the victim."""

from collections.abc import Sequence

import torch

from espnet_mtl.attack.budget import LinfBudget


def random_sign(
    clean: torch.Tensor,
    lengths: torch.Tensor,
    budget: LinfBudget,
    seeds: Sequence[int],
) -> torch.Tensor:
    """Change every sample by the whole budget, up or down at random.

    This is the loudest noise in the ball, and what a signed gradient looks like to
    who does not know the victim (Carlini et al. 2019, arXiv 1902.06705, section 4.3).

    Args:
        clean: Waveforms in [-1, 1], (Batch, Samples).
        lengths: Samples of each, (Batch,).
        budget: The ball.
        seeds: Seed of each utterance.

    Returns:
        Perturbations, (Batch, Samples).
    """
    lowest, highest = budget.bounds(clean, lengths)
    upwards = budget.random(clean, lengths, seeds) > 0
    return torch.where(upwards, highest, lowest)
