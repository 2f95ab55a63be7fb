"""How large the perturbations of a batch may be."""

import random

import torch

from espnet_mtl.asr_mtl.robust.batches import Batch, Moment
from espnet_mtl.attack.balls import Ball, make_ball


def largest_ball(norm: str, radius: float, batch: Batch) -> Ball:
    """Put the largest ball around each utterance, as in validation."""
    # What an augmentation has made louder than full scale stays as it is.
    clean = batch["speech"].detach()
    return make_ball(norm, radius, clean, batch["speech_lengths"])


def shrink(
    ball: Ball,
    batch: Batch,
    moment: Moment,
    radius_draw: str,
    ramp_updates: int,
    clean_share: float,
) -> Ball:
    """Shrink each utterance's ball to the size that it has in this training step.

    Args:
        ball: The largest balls.
        batch: The batch.
        moment: When it is trained on.
        radius_draw: ``uniform`` draws each utterance's radius from 0 to the largest,
            ``fixed`` takes the largest.
        ramp_updates: Updates in which the largest radius grows, linearly.
        clean_share: Share of utterances with a radius of 0.
    """
    ramp = min(1.0, (moment.update + 1) / max(1, ramp_updates))
    sizes = []
    for seed in moment.seeds("radius", batch):
        rng = random.Random(seed)
        is_clean = rng.random() < clean_share
        drawn = rng.random() if radius_draw == "uniform" else 1.0
        sizes.append(0.0 if is_clean else ramp * drawn)
    return ball.with_radius(ball.radius * torch.tensor(sizes).to(ball.radius))
