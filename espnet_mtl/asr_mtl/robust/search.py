"""The search for a perturbation that a training step then learns to resist."""

from collections.abc import Callable

import torch

from espnet_mtl.attack.balls import Ball


def search(
    loss: Callable[[torch.Tensor], torch.Tensor],
    ball: Ball,
    start: torch.Tensor,
    steps: int,
    step_size: float,
    sign: torch.Tensor | float = 1.0,
) -> torch.Tensor:
    """Take projected gradient steps from a start (Madry et al. 2018, section 2.1).

    Only the perturbation's gradient is calculated: weights get none, and whatever waits
    for them, such as the hooks of parallel training, is not called.

    Args:
        loss: The loss of waveforms (Batch, Samples), as one number; the utterances'
            parts are added up.
        ball: What is allowed.
        start: First perturbation, (Batch, Samples).
        steps: Number of steps.
        step_size: Length of each, as a share of the radius.
        sign: 1 where the loss is to rise, and -1 where it is to fall, (Batch,).

    Returns:
        The perturbation after the last step, (Batch, Samples).
    """
    length = (step_size * sign * ball.radius)[:, None]
    delta = start.clone()
    for _ in range(steps):
        delta.requires_grad_()
        (gradient,) = torch.autograd.grad(loss(ball.clean + delta).sum(), delta)
        # Where a loss is not finite there is nothing to follow.
        gradient = gradient.nan_to_num(nan=0.0, posinf=0.0, neginf=0.0)
        delta = delta.detach().addcmul_(length, ball.direction_(gradient))
        del gradient  # its memory is needed in the next step
        delta = ball.project_(delta)
    return delta
