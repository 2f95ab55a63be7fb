"""What a file keeps of attacked audio: rounding to 16 bits inside the budget."""

from collections.abc import Callable

import numpy as np
import torch

from espnet_mtl.attack.balls import Ball

SAMPLE_FORMATS = ("pcm16", "float32")
FULL_SCALE = 32768  # soundfile's: a 16-bit sample of n reads as n / 32768
_HAIR = 1e-6  # of a level: what a ball is wider, for the rounding of this arithmetic

# What is left of attacked audio in a file: (clean, attacked, radius) -> samples in
# [-1, 1], float32, (Samples,).
Saved = Callable[[np.ndarray, np.ndarray, float], np.ndarray]


def saver(sample_format: str, norm: str) -> Saved:
    """Choose how attacked audio is rounded to what a file holds.

    A ``pcm16`` file keeps to the radius of the ball, ``linf`` or ``l2``.
    """
    if sample_format == "float32":
        return lambda _clean, attacked, _radius: attacked.astype(np.float32)
    return lambda clean, attacked, radius: (
        quantise(clean, attacked, norm, radius).astype(np.float32) / FULL_SCALE
    )


def in_file(saved: Saved, ball: Ball, delta: torch.Tensor) -> torch.Tensor:
    """Return attacked audio of a batch as files hold it, (Batch, Samples).

    Args:
        saved: What a file keeps.
        ball: Around the clean audio.
        delta: Perturbations, (Batch, Samples).
    """
    kept = torch.zeros_like(delta)
    radii = ball.radius.tolist()
    for row, length in enumerate(ball.lengths.tolist()):
        clean = ball.clean[row, :length].cpu().numpy()
        attacked = clean + delta[row, :length].detach().cpu().numpy()
        kept[row, :length] = torch.from_numpy(saved(clean, attacked, radii[row])).to(
            kept
        )
    return kept


def within_levels(ball: Ball) -> Ball:
    """Shrink an L-inf ball to what a 16-bit file can hold of it.

    Of a radius of 32.8 levels, a file keeps 32. An attack in the larger ball would
    count on changes that are lost. Utterances whose clean audio is itself between
    levels keep their radius: from there, other changes can be saved.
    """
    if ball.norm != "linf":
        return ball
    levels = ball.clean * FULL_SCALE
    on_levels = (levels == levels.round()).all(dim=1)
    whole = torch.floor(ball.radius.double() * FULL_SCALE + _HAIR) / FULL_SCALE
    radius = torch.where(on_levels, whole.to(ball.radius), ball.radius)
    return ball.with_radius(radius)


def quantise(
    clean: np.ndarray, attacked: np.ndarray, norm: str, radius: float
) -> np.ndarray:
    """Round attacked audio to what a 16-bit file can hold, int16, (Samples,).

    For ``linf``, every sample goes to the nearest level within the radius of the clean
    sample. For ``l2``, samples go to the nearest level; where that makes the
    perturbation longer than the radius, samples go back a level towards the clean
    audio, those first that lose least by it.

    A ball may hold no level at all where the clean audio itself is between levels: the
    nearest level to the clean sample is taken then, which the audio would also have
    without an attack.

    Args:
        clean: Clean audio in [-1, 1], (Samples,).
        attacked: Attacked audio, (Samples,).
        radius: Radius of the ball, of full scale 1.
    """
    clean = clean.astype(np.float64) * FULL_SCALE
    levels = np.rint(attacked.astype(np.float64) * FULL_SCALE)
    levels = np.clip(levels, -FULL_SCALE, FULL_SCALE - 1)
    if norm == "linf":
        levels = _within_linf(clean, levels, radius * FULL_SCALE)
    else:
        levels = _within_l2(clean, levels, radius * FULL_SCALE)
    return np.clip(levels, -FULL_SCALE, FULL_SCALE - 1).astype(np.int16)


def _within_linf(clean: np.ndarray, levels: np.ndarray, radius: float) -> np.ndarray:
    lowest = np.ceil(clean - radius - _HAIR)
    highest = np.floor(clean + radius + _HAIR)
    nearest = np.rint(clean)
    none = lowest > highest
    lowest[none] = highest[none] = nearest[none]
    kept: np.ndarray = np.clip(levels, lowest, highest)
    return kept


def _within_l2(clean: np.ndarray, levels: np.ndarray, radius: float) -> np.ndarray:
    nearest = np.rint(clean)
    allowed = (radius * (1 + 1e-9)) ** 2
    while True:
        change = levels - clean
        excess = change @ change - allowed
        moved = np.flatnonzero(levels != nearest)
        if excess <= 0 or not len(moved):
            return levels
        # A step back from a small change costs the attack as much as from a large one,
        # but the large one frees more energy: the largest first.
        order = moved[np.argsort(-np.abs(change[moved]), kind="stable")]
        back = levels[order] - np.sign(levels[order] - nearest[order])
        freed = change[order] ** 2 - (back - clean[order]) ** 2
        enough = int(np.searchsorted(np.cumsum(freed), excess)) + 1
        levels = levels.copy()
        levels[order[:enough]] = back[:enough]
