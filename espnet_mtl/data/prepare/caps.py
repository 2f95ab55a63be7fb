"""Limits on how many clips a speaker or an accent has."""

from collections import defaultdict

from espnet_mtl.data.prepare.clip import Clip
from espnet_mtl.data.prepare.speaker_split import draw


def cap(clips: list[Clip], owner: str, most: int, seed: int) -> None:
    """Take out what each speaker or accent has too many of, evenly over speakers."""
    if not most:
        return
    groups: dict[str, list[Clip]] = defaultdict(list)
    for clip in clips:
        groups[getattr(clip, owner)].append(clip)
    for own in groups.values():
        _take_out(own, owner, most, seed)


def cap_in_sets(clips: list[Clip], most: int, seed: int) -> None:
    """Take out what each accent has too many of, from all sets that it has alike."""
    if not most:
        return
    groups: dict[str, dict[str, list[Clip]]] = defaultdict(lambda: defaultdict(list))
    for clip in clips:
        groups[clip.accent][clip.split].append(clip)
    for sets in groups.values():
        counts = {name: len(own) for name, own in sets.items()}
        for name, count in _share_out(counts, most).items():
            _take_out(sets[name], "accent", count, seed)


def _share_out(counts: dict[str, int], most: int) -> dict[str, int]:
    """Bring counts down to a sum, in proportion; each keeps one, if there are enough.

    What is left over after rounding goes to those that are furthest below their share.
    """
    total = sum(counts.values())
    if total <= most:
        return counts
    shares = {name: most * count / total for name, count in counts.items()}
    least = int(most >= len(counts))
    kept = {name: max(int(share), least) for name, share in shares.items()}
    while (left := most - sum(kept.values())) != 0:
        step = 1 if left > 0 else -1
        name = max(
            (name for name in kept if kept[name] + step >= least),
            key=lambda name: (step * (shares[name] - kept[name]), counts[name]),
        )
        kept[name] += step
    return kept


def _take_out(clips: list[Clip], owner: str, most: int, seed: int) -> None:
    if len(clips) <= most:
        return
    turns: dict[str, int] = defaultdict(int)
    ranked = []
    for clip in sorted(clips, key=lambda clip: draw(seed, clip.name)):
        turns[clip.speaker] += 1
        ranked.append((turns[clip.speaker], clip))
    ranked.sort(key=lambda pair: pair[0])
    for _, clip in ranked[most:]:
        clip.fate = f"{owner}_cap"
