"""What becomes of recordings with several channels (``--channels``)."""

import numpy as np

MIX, FIRST, ERROR = "mix", "first", "error"
POLICIES = (ERROR, MIX, FIRST)
ADVICE = "stage 3 makes one of them with --channels mix (their mean) or first"
# Where utterances are parts of recordings, a channel often has a speaker of its own.
SPEAKERS_ADVICE = (
    "if each channel has a speaker of its own, as on the telephone, make each a "
    "recording of its own in wav.scp, such as 'call1-A sox call1.wav -t wav - remix 1 "
    "|' and 'call1-B sox call1.wav -t wav - remix 2 |', and name these in 'segments'"
)


def merge_channels(samples: np.ndarray, policy: str) -> np.ndarray:
    """Make one channel of several.

    Args:
        samples: (Samples, Channels).
        policy: ``mix`` for the mean of all, ``first`` for the first one, ``error`` to
            leave them to :func:`.samples.check_samples`, which refuses them.

    Returns:
        (Samples, 1), or what was given.
    """
    if policy == MIX and samples.shape[1] > 1:
        return samples.mean(axis=1, keepdims=True)
    return samples[:, :1] if policy == FIRST else samples
