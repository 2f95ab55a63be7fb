"""Accent recognition: which accents were recognised as which."""

from collections.abc import Mapping, Sequence
from typing import Any

from espnet_mtl.data.file_kinds import UNKNOWN_ACCENT
from espnet_mtl.metrics.accent_intervals import find_accent_intervals
from espnet_mtl.metrics.bootstrap import Interval
from espnet_mtl.results.clean_scores import AccentConfusion


def caution(
    accuracy: float | None, balanced: float | None, majority: float | None
) -> str:
    """Say that an accuracy shows nothing; empty where it is above the majority's share.

    Args:
        accuracy: In percent.
        balanced: Balanced accuracy, the mean recall of the accents, in percent.
        majority: Share of the most frequent accent, in percent.
    """
    if accuracy is None or balanced is None or majority is None or accuracy > majority:
        return ""
    if majority == 100.0:
        return (
            "all labelled utterances have the same accent: accuracy says nothing about "
            "telling accents apart"
        )
    return (
        f"an accent accuracy of {accuracy:.1f} % is not above {majority:.1f} %, the "
        "share of the most frequent accent: always saying that one would do as well. "
        f"The balanced accuracy is {balanced:.1f} %"
    )


def score_accents(
    truth: Mapping[str, str],
    recognised: Mapping[str, str],
    accents: Sequence[str] = (),
    speakers: Mapping[str, str] | None = None,
) -> AccentConfusion:
    """Count which accents, by utterance, were recognised as which.

    Args:
        truth: Utterances with ``<unk>`` are left out: their accent is not known.
        recognised: ``<unk>``, for audio too short to be recognised, is wrong.
        accents: Names that come first, in this order, even if none occurs.
        speakers: Who speaks, by utterance: for the intervals, which are over speakers.
    """
    labelled = [utt for utt, accent in truth.items() if accent != UNKNOWN_ACCENT]
    found = {truth[utt] for utt in labelled} | {recognised[utt] for utt in labelled}
    names = [*accents, *sorted(found.difference(accents))]
    counts = [[0] * len(names) for _ in names]
    for utt in labelled:
        counts[names.index(truth[utt])][names.index(recognised[utt])] += 1
    return AccentConfusion(
        accents=tuple(names),
        counts=tuple(map(tuple, counts)),
        unlabelled=len(truth) - len(labelled),
        **(_over_speakers(truth, recognised, names, speakers) if speakers else {}),
    )


def _over_speakers(
    truth: Mapping[str, str],
    recognised: Mapping[str, str],
    accents: Sequence[str],
    speakers: Mapping[str, str],
) -> dict[str, Any]:
    """Give what :class:`AccentConfusion` says about speakers."""
    who: dict[str, set[str]] = {accent: set() for accent in accents}
    for utt, accent in truth.items():
        if accent != UNKNOWN_ACCENT:
            who[accent].add(speakers[utt])
    found = find_accent_intervals(truth, recognised, speakers)
    return {
        "speakers": tuple(len(who[accent]) for accent in accents),
        "num_speakers": len(set().union(*who.values())),
        "accuracy_ci": _ends(found.accuracy) if found else None,
        "balanced_ci": _ends(found.balanced) if found else None,
    }


def _ends(interval: Interval) -> tuple[float, float] | None:
    is_known = interval.low == interval.low
    return (interval.low, interval.high) if is_known else None
