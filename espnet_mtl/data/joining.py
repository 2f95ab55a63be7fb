"""Parts of recordings joined to one utterance, as if spoken at one sitting."""

from collections.abc import Sequence

import numpy as np

_FADE_SECONDS = 0.005  # at either end of a part: no clicks


def join_on_noise(
    parts: Sequence[np.ndarray],
    gains: Sequence[float] | np.ndarray,
    pauses: Sequence[float] | np.ndarray,
    noise: float,
    rng: np.random.RandomState,
    fs: int,
) -> np.ndarray:
    """Join parts with pauses before, between and after them: int16, (Samples,).

    Silence is noise, never digital zero: the features of that would change beyond
    recognition with the least perturbation.

    Args:
        parts: Full scale is 1, float32, (Samples,).
        gains: What each is multiplied by.
        pauses: In seconds, one more than parts.
        noise: Largest sample of the noise, of full scale.
        rng: The noise is drawn from it.
        fs: Sampling rate in Hz.
    """
    silences = [np.zeros(int(seconds * fs), np.float32) for seconds in pauses]
    joined = [silences[0]]
    for part, gain, silence in zip(parts, gains, silences[1:], strict=True):
        faded = _fade(part, int(_FADE_SECONDS * fs))
        joined += [faded * np.float32(gain), silence]
    speech = np.concatenate(joined)
    levels = np.frombuffer(rng.bytes(2 * len(speech)), "<i2")
    speech += levels * np.float32(noise / 32768)
    return np.rint(np.clip(speech, -1.0, 1.0) * 32767).astype("<i2")


def _fade(samples: np.ndarray, most: int) -> np.ndarray:
    length = min(most, len(samples) // 2)
    ramp = (np.arange(length, dtype=np.float32) + 1) / (length + 1)
    faded = samples.copy()
    faded[:length] *= ramp
    faded[len(faded) - length :] *= ramp[::-1]
    return faded
