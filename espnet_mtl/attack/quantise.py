"""Rounding to 16 bits that stays inside the budget."""

import numpy as np

FULL_SCALE = 32768  # soundfile's: a 16-bit sample of n reads as n / 32768


def quantise(clean: np.ndarray, attacked: np.ndarray, epsilon: float) -> np.ndarray:
    """Round attacked audio to what a 16-bit file can hold.

    Every sample goes to the nearest level that is within ``epsilon`` of the clean
    sample. There is none only where the clean audio itself is between two levels and
    ``epsilon`` is below half of their distance: the nearest level to the clean sample
    is taken then, which the audio would also have without an attack.

    Args:
        clean: Clean audio in [-1, 1], float, (Samples,).
        attacked: Attacked audio, (Samples,).
        epsilon: Budget, of full scale 1.

    Returns:
        The attacked audio, int16, (Samples,).
    """
    clean = clean.astype(np.float64) * FULL_SCALE
    radius = epsilon * FULL_SCALE
    # A hair wider, for the rounding of this very arithmetic
    lowest = np.ceil(clean - radius - 1e-6)
    highest = np.floor(clean + radius + 1e-6)
    nearest = np.rint(clean)
    none = lowest > highest
    lowest[none] = highest[none] = nearest[none]
    levels = np.clip(np.rint(attacked.astype(np.float64) * FULL_SCALE), lowest, highest)
    return np.clip(levels, -FULL_SCALE, FULL_SCALE - 1).astype(np.int16)
