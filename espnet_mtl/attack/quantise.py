"""What a file keeps of attacked audio: rounding to 16 bits inside the budget."""

from dataclasses import dataclass

import numpy as np
import torch

from espnet_mtl.attack.balls import Ball

SAMPLE_FORMATS = ("pcm16", "float32")
FULL_SCALE = 32768  # soundfile's: a 16-bit sample of n reads as n / 32768
_HAIR = 1e-6  # of a level: what a ball is wider, for the rounding of this arithmetic


@dataclass(frozen=True)
class FileFormat:
    """What a file can hold of attacked audio.

    Attributes:
        name: ``pcm16``, where samples are rounded to levels within the ball, or
            ``float32``.
    """

    name: str = "pcm16"

    def ball(self, ball: Ball) -> Ball:
        """Shrink a ball to what a file can hold of it.

        Of an L-inf radius of 32.8 levels, a file of 16 bits keeps 32. An attack in the
        larger ball would count on changes that are lost. Utterances whose clean audio
        is itself between levels keep their radius: from there, other changes can be
        saved.
        """
        if self.name == "float32" or ball.norm != "linf":
            return ball
        levels = ball.clean * FULL_SCALE
        on_levels = (levels == levels.round()).all(dim=1)
        whole = torch.floor(ball.radius.double() * FULL_SCALE + _HAIR) / FULL_SCALE
        radius = torch.where(on_levels, whole.to(ball.radius), ball.radius)
        return ball.with_radius(radius)

    def keep(
        self, clean: np.ndarray, attacked: np.ndarray, norm: str, radius: float
    ) -> np.ndarray:
        """Return what a file holds of an attacked utterance, float32, (Samples,).

        Args:
            clean: Clean audio in [-1, 1], (Samples,).
            attacked: Attacked audio, (Samples,).
            norm: Of the ball: ``linf`` or ``l2``.
            radius: Of the ball, of full scale 1.
        """
        if self.name == "float32":
            return attacked.astype(np.float32)
        return quantise(clean, attacked, norm, radius).astype(np.float32) / FULL_SCALE

    def samples(self, ball: Ball, delta: torch.Tensor) -> list[np.ndarray]:
        """Return what files hold of each utterance of a batch, (Samples of it,).

        Args:
            ball: Around the clean audio.
            delta: Perturbations, (Batch, Samples).
        """
        cleans, deltas = ball.clean.cpu().numpy(), delta.detach().cpu().numpy()
        return [
            self.keep(
                clean[:length], clean[:length] + change[:length], ball.norm, radius
            )
            for clean, change, length, radius in zip(
                cleans, deltas, ball.lengths.tolist(), ball.radius.tolist(), strict=True
            )
        ]

    def batch(self, ball: Ball, delta: torch.Tensor) -> torch.Tensor:
        """Return the same as a batch, zero beyond each length, (Batch, Samples)."""
        kept = torch.zeros_like(delta)
        for row, samples in enumerate(self.samples(ball, delta)):
            kept[row, : len(samples)] = torch.from_numpy(samples).to(kept)
        return kept


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
