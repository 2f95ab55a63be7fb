"""Random choices that depend on what they are for, and on nothing else."""

import hashlib


def seed_of(*parts: object) -> int:
    """Turn any values into a seed.

    The seed of an utterance is then the same in any order, batch, job or subset.

    Args:
        *parts: What the choice is for, such as ``(seed, "start", utterance)``.

    Returns:
        A number of 62 bits.
    """
    digest = hashlib.sha256("\0".join(map(str, parts)).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 2
