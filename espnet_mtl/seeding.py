"""Random choices that depend on what they are for, and on nothing else."""

import hashlib
from collections.abc import Iterable


def seed_of(*parts: object) -> int:
    """Turn what a choice is for, such as ``(seed, "start", utterance)``, into 62 bits.

    The seed of an utterance is then the same in any order, batch, job or subset.
    """
    digest = hashlib.sha256("\0".join(map(str, parts)).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 2


def draw_ids(utterances: Iterable[str], number: int) -> list[str]:
    """Draw utterances by their ids: the same whichever others there are."""
    return sorted(utterances, key=lambda utt: seed_of("chosen", utt))[:number]
