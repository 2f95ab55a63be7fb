"""How far attacked audio is from the clean audio: five distances, always together.

"SNR" names several quantities in the literature; here each has its own name. All are
taken over the true length and in float64. ``clean`` and ``attacked`` are samples in
[-1, 1], shape (Samples,); different shapes, no samples, or samples that are not finite
raise ``ValueError``.

A ratio in dB is ``inf`` where the perturbation is zero, whatever the clean audio is,
and ``-inf`` where the clean audio is silent and the perturbation is not.
"""

import math

import numpy as np

FRAME_SECONDS, HOP_SECONDS = 0.032, 0.016
FRAME_SNR_RANGE = (-10.0, 35.0)


def linf(clean: np.ndarray, attacked: np.ndarray) -> float:
    """Return the largest change of a sample; full scale is 1."""
    return float(np.abs(_perturbation(clean, attacked)[1]).max())


def l2(clean: np.ndarray, attacked: np.ndarray) -> float:
    """Return the Euclidean norm of the perturbation; full scale is 1."""
    return float(np.linalg.norm(_perturbation(clean, attacked)[1]))


def snr_db(clean: np.ndarray, attacked: np.ndarray) -> float:
    """Return energy of the clean audio over energy of the perturbation, in dB."""
    clean, change = _perturbation(clean, attacked)
    return _ratio_db(float(clean @ clean), float(change @ change), 10)


def peak_snr_db(clean: np.ndarray, attacked: np.ndarray) -> float:
    """Return the clean audio's peak over the perturbation's peak, in dB.

    Peaks are of magnitudes. Carlini and Wagner 2018 give this ratio the other way
    round, as the loudness of the perturbation relative to the audio.
    """
    clean, change = _perturbation(clean, attacked)
    return _ratio_db(float(np.abs(clean).max()), float(np.abs(change).max()), 20)


def segmental_snr_db(clean: np.ndarray, attacked: np.ndarray, rate: int) -> float:
    """Return the mean over frames of the frames' SNR, in dB; ``rate`` is in Hz.

    Frames of 32 ms every 16 ms; the last is filled up with zeros. A frame's SNR is
    clipped to [-10, 35] dB, so that pauses and untouched stretches do not decide the
    mean; a frame where clean audio and perturbation are both silent has no SNR and is
    left out. The range is that of Hansen and Pellom 1998.

    Returns:
        A value in [-10, 35], -10 if the clean audio is silent; ``inf`` for a zero
        perturbation.
    """
    clean, change = _perturbation(clean, attacked)
    frame, hop = round(FRAME_SECONDS * rate), round(HOP_SECONDS * rate)
    signal = _frame_energies(clean, frame, hop)
    noise = _frame_energies(change, frame, hop)
    if not noise.any():
        return math.inf
    sounding = (signal > 0) | (noise > 0)
    with np.errstate(divide="ignore"):
        ratios = 10 * (np.log10(signal[sounding]) - np.log10(noise[sounding]))
    return float(ratios.clip(*FRAME_SNR_RANGE).mean())


def measure_distortion(
    clean: np.ndarray, attacked: np.ndarray, rate: int
) -> dict[str, float | None]:
    """Measure all five distances, at a sampling rate in Hz.

    Returns:
        ``linf``, ``l2``, ``snr_db``, ``segsnr_db`` and ``peak_snr_db``; ``None`` where
        a ratio is infinite, since JSON has no infinity.
    """
    values = {
        "linf": linf(clean, attacked),
        "l2": l2(clean, attacked),
        "snr_db": snr_db(clean, attacked),
        "segsnr_db": segmental_snr_db(clean, attacked, rate),
        "peak_snr_db": peak_snr_db(clean, attacked),
    }
    return {name: v if math.isfinite(v) else None for name, v in values.items()}


def _perturbation(
    clean: np.ndarray, attacked: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    clean = np.asarray(clean, dtype=np.float64)
    attacked = np.asarray(attacked, dtype=np.float64)
    if clean.ndim != 1 or clean.shape != attacked.shape or not len(clean):
        raise ValueError(
            f"clean audio of shape {clean.shape} and attacked audio of shape "
            f"{attacked.shape} are not two signals of the same length"
        )
    if not (np.isfinite(clean).all() and np.isfinite(attacked).all()):
        raise ValueError("a sample is not finite")
    return clean, attacked - clean


def _ratio_db(signal: float, noise: float, factor: int) -> float:
    if noise == 0:
        return math.inf
    if signal == 0:
        return -math.inf
    # A difference of logarithms cannot overflow as a quotient can.
    return factor * (math.log10(signal) - math.log10(noise))


def _frame_energies(samples: np.ndarray, frame: int, hop: int) -> np.ndarray:
    count = max(0, -(-(len(samples) - frame) // hop)) + 1
    padded = np.zeros((count - 1) * hop + frame)
    padded[: len(samples)] = samples
    frames = np.lib.stride_tricks.sliding_window_view(padded, frame)[::hop]
    return np.einsum("fs,fs->f", frames, frames)
