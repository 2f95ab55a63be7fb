"""Samples in memory: checks, and 16-bit levels."""

import numpy as np

from espnet_mtl.data.channels import ADVICE
from espnet_mtl.data.errors import DataDirError
from espnet_mtl.data.segments import TO_THE_END, Segment

# Lossy formats overshoot full scale a little when decoded. Far beyond it, samples were
# never scaled to [-1, 1], and clipping would leave a square wave.
_MOST_OVERSHOOT = 2.0
# Ends of segments are often rounded up; one that is further out is of other audio.
_SLACK_SECONDS = 0.5


def check_samples(
    samples: np.ndarray, place: str, *, may_be_silent: bool = False
) -> np.ndarray:
    """Check that there is one channel, and sound in it.

    Args:
        samples: Full scale is 1, (Samples, Channels).
        place: What they belong to, for the message.
        may_be_silent: Whether there need be no sound: an attack may leave none.

    Returns:
        Samples in [-1, 1], (Samples,).

    Raises:
        DataDirError: If they are empty, silent, stereo, or hold values that are no
            numbers or far beyond full scale.
    """
    if samples.shape[1] != 1:
        raise DataDirError(
            f"{place}: {samples.shape[1]} channels; give one channel: {ADVICE}"
        )
    samples = samples[:, 0]
    if len(samples) == 0:
        raise DataDirError(f"{place}: empty; remove the utterance")
    if not np.isfinite(samples).all():
        bad = int(np.argmin(np.isfinite(samples)))
        raise DataDirError(
            f"{place}: sample {bad} is not a number; write the file again, or remove "
            "the utterance"
        )
    if not (may_be_silent or samples.any()):
        raise DataDirError(f"{place}: silent, every sample is 0; remove the utterance")
    peak = float(np.abs(samples).max())
    if peak > _MOST_OVERSHOOT:
        raise DataDirError(
            f"{place}: the loudest sample is {peak:g}, but full scale is 1; scale the "
            "samples to [-1, 1]"
        )
    return samples.clip(-1.0, 1.0)


def cut_segment(
    samples: np.ndarray, rate: int, segment: Segment, place: str
) -> np.ndarray:
    """Cut a part out of its recording; both are samples of shape (Samples, Channels).

    Raises:
        DataDirError: If the recording is shorter.
    """
    whole = len(samples) / rate
    if segment.start >= whole or segment.end > whole + _SLACK_SECONDS:
        times = f"from {segment.start:g} s to {segment.end:g} s"
        if segment.end == TO_THE_END:
            times = f"from {segment.start:g} s on"
        raise DataDirError(
            f"{place}: the segment is {times}, but the recording has {whole:g} s; "
            "correct 'segments', or remove the utterance"
        )
    end = None if segment.end == TO_THE_END else round(segment.end * rate)
    return samples[round(segment.start * rate) : end]


def to_16_bit(samples: np.ndarray) -> np.ndarray:
    """Round samples in [-1, 1] to the nearest 16-bit level, as int16.

    What was read from 16 bits comes out as it was. (libsndfile cuts off for WAV.)
    """
    return np.rint(samples * 32768.0).clip(-32768, 32767).astype(np.int16)


def from_16_bit(levels: np.ndarray) -> np.ndarray:
    """Turn levels (int16) into samples in [-1, 1), float32, as reading a file does."""
    return levels.astype(np.float32) / np.float32(32768)
