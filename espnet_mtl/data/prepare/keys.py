"""Utterance ids."""

import hashlib
from collections import defaultdict
from pathlib import PurePath

from espnet_mtl.data.prepare.clip import Clip
from espnet_mtl.data.prepare.words import make_id


def give_keys(clips: list[Clip]) -> None:
    """Name utterances ``<speaker>-<file>``, sorted by speaker as Kaldi wants them.

    Files of one name in several folders are told apart by what the corpus calls them.
    """
    owners: dict[str, list[Clip]] = defaultdict(list)
    for clip in clips:
        stem = make_id(PurePath(clip.name).stem)
        clip.key = f"{clip.speaker}-{stem}"
        owners[clip.key].append(clip)
    for same in owners.values():
        if len(same) > 1:
            for clip in same:
                digest = hashlib.sha256(
                    clip.name.encode("utf-8", "surrogateescape")
                ).hexdigest()[:8]
                clip.key += f"-{digest}"
