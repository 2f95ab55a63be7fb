"""What becomes of recordings with several channels (``--channels``)."""

import numpy as np

from espnet_mtl.data.errors import DataDirError

MIX, FIRST, ERROR = "mix", "first", "error"
POLICIES = (ERROR, MIX, FIRST)
ADVICE = "stage 3 makes one of them with --channels mix (their mean) or first"
# The mean of a voice and its own opposite, as a balanced line or faulty stereo has it
_CANCELLED = 0.01  # peak, as a share of that of the channels
# Where utterances are parts of recordings, a channel often has a speaker of its own.
SPEAKERS_ADVICE = (
    "if each channel has a speaker of its own, as on the telephone, make each a "
    "recording of its own in wav.scp, such as 'call1-A sox call1.wav -t wav - remix 1 "
    "|' and 'call1-B sox call1.wav -t wav - remix 2 |', and name these in 'segments'"
)


def merge_channels(samples: np.ndarray, policy: str, place: str) -> np.ndarray:
    """Make one channel of several.

    Args:
        samples: (Samples, Channels).
        policy: ``mix`` for the mean of all, ``first`` for the first one, ``error`` to
            leave them to :func:`.samples.check_samples`, which refuses them.
        place: What they belong to, for the message.

    Returns:
        (Samples, 1), or what was given.

    Raises:
        DataDirError: If next to nothing is left of the channels in their mean.
    """
    if policy == MIX and samples.shape[1] > 1:
        mean: np.ndarray = samples.mean(axis=1, keepdims=True)
        if _peak(mean) < _CANCELLED * _peak(samples):
            raise DataDirError(
                f"{place}: its channels cancel each other out in their mean; take one "
                "of them: --channels first"
            )
        return mean
    return samples[:, :1] if policy == FIRST else samples


def _peak(samples: np.ndarray) -> float:
    return float(np.abs(samples).max(initial=0.0))
