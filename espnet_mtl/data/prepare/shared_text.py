"""Sentences of training that are also in the test or in validation."""

import logging
from collections.abc import Sequence

from espnet_mtl.data.prepare.clip import Clip
from espnet_mtl.data.prepare.sentences import normalise_text


def settle_shared_text(clips: Sequence[Clip], policy: str) -> None:
    """Deal with sentences that are in training and in another set, and count them.

    Args:
        clips: Those that have a set, which is their ``fate``.
        policy: ``keep``; ``drop_train``: training has no sentence of the others, and
            the test is the same as with ``keep``; ``drop_test``: the others have none
            of training.
    """
    # 1. Sentences are the same however they are written
    keys = [
        normalise_text(clip.text, "lower", "remove", hyphens="split") for clip in clips
    ]
    pairs = list(zip(keys, clips, strict=True))
    trained = {key for key, clip in pairs if clip.fate == "train"}
    both = trained & {key for key, clip in pairs if clip.fate != "train"}
    shared = [clip for key, clip in pairs if key in both]

    # 2. What becomes of their clips
    if policy == "keep":
        num_shared = sum(clip.fate == "test" for clip in shared)
        num_clips = sum(clip.fate == "test" for clip in clips)
        if num_shared:
            logging.warning(
                "the sentence of %d of %d test clips is also in training, so the word "
                "error rate will be too good; --shared_text drop_train or drop_test "
                "removes such clips",
                num_shared,
                num_clips,
            )
        return
    for clip in shared:
        if (clip.fate == "train") == (policy == "drop_train"):
            clip.fate = "shared_text"
