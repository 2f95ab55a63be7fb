"""Accent recognition: which accents were recognised as which."""

from collections.abc import Mapping, Sequence

from espnet_mtl.data.datadir import UNKNOWN_ACCENT
from espnet_mtl.results.clean_scores import AccentConfusion


def score_accents(
    truth: Mapping[str, str],
    recognised: Mapping[str, str],
    accents: Sequence[str] = (),
) -> AccentConfusion:
    """Count which accents, by utterance, were recognised as which.

    Args:
        truth: Utterances with ``<unk>`` are left out: their accent is not known.
        recognised: ``<unk>``, for audio too short to be recognised, is wrong.
        accents: Names that come first, in this order, even if none occurs.
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
    )
