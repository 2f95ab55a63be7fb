"""Distribute speakers over training, validation and test."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from operator import attrgetter

from espnet_mtl.data.file_kinds import UNKNOWN_ACCENT
from espnet_mtl.data.prepare.clip import SETS, Clip


def draw(seed: int, name: str) -> bytes:
    """Draw random bytes for a name, to sort by; they depend on nothing but the seed."""
    return hashlib.sha256(f"{seed} {name}".encode()).digest()


def split_by_speaker(
    clips: Sequence[Clip],
    valid_share: float,
    test_share: float,
    seed: int,
    accent_of: Callable[[Clip], str] = attrgetter("accent"),
) -> dict[str, str]:
    """Give each speaker a set, so that each accent has its share of clips in each.

    Every accent is split by itself. A speaker who alone has more than a set's share
    stays in training. Where an accent has two speakers, one is tested; without a known
    accent, one is for validation. If that leaves a set empty, accents take turns.
    """
    own: dict[str, Counter[str]] = defaultdict(Counter)
    for clip in clips:
        own[clip.speaker][accent_of(clip)] += 1
    groups: dict[str, dict[str, int]] = defaultdict(dict)
    for speaker, accents in own.items():
        accent = min(accents, key=lambda name: (-accents[name], name))
        groups[accent][speaker] = accents.total()

    shares = {"test": test_share, "valid": valid_share}
    assigned: dict[str, str] = {}
    for accent, counts in groups.items():
        order = ["valid", "test"] if accent == UNKNOWN_ACCENT else ["test", "valid"]
        takers = [name for name in order if shares[name] > 0]
        left = sorted(counts, key=lambda speaker: draw(seed, speaker))
        for number, name in enumerate(takers, start=1):
            # Training and the set that comes next need one each.
            spare = len(left) - 1 - min(len(takers) - number, max(len(left) - 2, 0))
            chosen = _choose(left, counts, shares[name] * sum(counts.values()), spare)
            assigned |= dict.fromkeys(chosen, name)
            left = [speaker for speaker in left if speaker not in assigned]
        assigned |= dict.fromkeys(left, "train")
    for name, donor in (("valid", "test"), ("test", "valid")):
        if shares[name] > 0 and name not in assigned.values():
            assigned |= dict.fromkeys(_spare(groups, assigned, donor), name)
    return assigned


def _spare(
    groups: dict[str, dict[str, int]], assigned: dict[str, str], donor: str
) -> list[str]:
    """Find speakers that a set can give away: every other accent's only one in it."""
    only = []
    for accent in sorted(groups):
        there = [speaker for speaker in groups[accent] if assigned[speaker] == donor]
        if len(there) == 1:
            only += there
    return only[1::2]


def _choose(
    speakers: list[str], counts: dict[str, int], wanted: float, most: int
) -> list[str]:
    """Choose at most so many speakers, who together have about so many clips."""
    if most < 1:
        return []
    chosen: list[str] = []
    sum_of_clips = 0
    for speaker in speakers:
        if len(chosen) < most and sum_of_clips + counts[speaker] <= wanted:
            chosen.append(speaker)
            sum_of_clips += counts[speaker]
    return chosen or [min(speakers, key=lambda speaker: counts[speaker])]


def keep_speakers_apart(clips: Iterable[Clip]) -> dict[str, str]:
    """Give each speaker one set: the test, else validation, else training.

    A clip without a ``split`` is training's.
    """
    assigned: dict[str, str] = {}
    for clip in clips:
        here = clip.split or "train"
        there = assigned.get(clip.speaker, "train")
        assigned[clip.speaker] = max(here, there, key=SETS.index)
    return assigned
