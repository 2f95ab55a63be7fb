"""Projected gradient descent."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from espnet_mtl.attack.budget import LinfBudget
from espnet_mtl.attack.objective import Loss


@dataclass(frozen=True)
class Attacked:
    """What an attack found.

    Attributes:
        delta: Perturbation of each utterance, (Batch, Samples).
        loss_start: Loss without perturbation, (Batch,); not a number where the
            attack does not look at it.
        loss_end: Loss with the perturbation, (Batch,).
    """

    delta: torch.Tensor
    loss_start: torch.Tensor
    loss_end: torch.Tensor


def pgd(
    loss: Loss,
    clean: torch.Tensor,
    lengths: torch.Tensor,
    budget: LinfBudget,
    *,
    steps: int,
    step_size: float,
    momentum: float = 0.0,
    seeds: Sequence[int] | None = None,
) -> Attacked:
    """Minimise a loss inside a ball by signed gradient steps (Madry et al. 2018, 2.1).

    With momentum, the sign is that of a decaying sum of the gradients, each scaled to
    an L1 norm of 1 (Dong et al. 2018, section 3.1).

    Deviations: steps shrink linearly to nothing, so that the end is a minimum and not a
    walk around one; each utterance keeps its best iterate, the unperturbed audio among
    them, so that more steps never make an attack worse.

    Args:
        loss: Loss of each utterance for waveforms (Batch, Samples).
        clean: Waveforms in [-1, 1], zero beyond their lengths, (Batch, Samples).
        lengths: Samples of each, (Batch,).
        budget: The ball.
        steps: Number of gradients taken.
        step_size: Length of the first step, of the ball's radius.
        momentum: What is kept of the earlier gradients, from 0 (nothing) to 1.
        seeds: Seed of each utterance's random start; ``None`` starts at the clean
            audio.

    Returns:
        The best perturbation of each utterance.
    """
    lowest, highest = budget.bounds(clean, lengths)
    with torch.no_grad():
        loss_start = loss(clean)
    best = torch.zeros_like(clean)
    best_loss = torch.nan_to_num(loss_start, nan=torch.inf)
    delta = torch.zeros_like(clean)
    direction = torch.zeros_like(clean)
    if seeds is not None:
        delta = budget.random(clean, lengths, seeds)
        delta = delta.clamp_(lowest, highest)

    for step in range(steps):
        # 1. Gradient with respect to the waveform, and to nothing else
        delta.requires_grad_(True)
        values = loss(clean + delta)
        (gradient,) = torch.autograd.grad(values.sum(), delta)
        delta, values = delta.detach(), values.detach()

        # 2. Each utterance's best so far; what is not a number never wins
        _keep_better(best, best_loss, delta, values)

        # 3. Step. Where a gradient is not a number, its sign would be none either.
        direction.mul_(momentum).add_(_normalise(gradient))
        size = budget.epsilon * step_size * (1.0 - step / steps)
        delta = delta.sub_(direction.sign(), alpha=size).clamp_(lowest, highest)

    with torch.no_grad():
        _keep_better(best, best_loss, delta, loss(clean + delta))
    return Attacked(best, loss_start, best_loss)


def _normalise(gradient: torch.Tensor) -> torch.Tensor:
    """Scale each utterance's gradient to an L1 norm of 1, in place; zeros stay."""
    norm = torch.linalg.vector_norm(gradient, 1, dim=1, keepdim=True)
    if not norm.isfinite().all():
        gradient = gradient.nan_to_num_()
        norm = torch.linalg.vector_norm(gradient, 1, dim=1, keepdim=True)
    return gradient.div_(norm.clamp_(min=torch.finfo(gradient.dtype).tiny))


def _keep_better(
    best: torch.Tensor,
    best_loss: torch.Tensor,
    delta: torch.Tensor,
    values: torch.Tensor,
) -> None:
    """Take over, in place, the utterances whose loss has fallen."""
    better = values < best_loss
    torch.where(better, values, best_loss, out=best_loss)
    torch.where(better[:, None], delta, best, out=best)
