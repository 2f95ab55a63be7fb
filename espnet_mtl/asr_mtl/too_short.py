"""Audio that is too short for a model to hear anything."""

import espnet_mtl.fast_start  # noqa: F401  (before ESPnet)

from espnet_mtl.espnet_nets import import_nets

_subsampling = import_nets("pytorch_backend.transformer.subsampling")
TooShortUttError: type[Exception] = _subsampling.TooShortUttError

# What torch.stft says of audio that it cannot mirror at its ends.
_LESS_THAN_HALF_A_WINDOW = "Padding size"


def explain_too_short(error: Exception) -> str | None:
    """Say how short the audio is; ``None`` if an encoder failed for another reason."""
    if isinstance(error, TooShortUttError):
        return f"too short for the encoder ({error})"
    if isinstance(error, RuntimeError) and _LESS_THAN_HALF_A_WINDOW in str(error):
        return "shorter than half a window"
    return None
