"""How sure an accent accuracy is: intervals over speakers."""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from scipy.special import stdtrit

from espnet_mtl.data.file_kinds import UNKNOWN_ACCENT
from espnet_mtl.metrics.binomial import LEVEL
from espnet_mtl.metrics.bootstrap import DRAWS, ROUNDING, Interval, wer_interval


class AccentIntervals(NamedTuple):
    """95 % intervals of accuracies, in percent."""

    accuracy: Interval
    balanced: Interval


def find_accent_intervals(
    truth: Mapping[str, str],
    recognised: Mapping[str, str],
    speakers: Mapping[str, str],
    *,
    seed: int = 0,
    draws: int = DRAWS,
) -> AccentIntervals | None:
    """Say how sure both accuracies are, with speakers as the units.

    For the accuracy, speakers are drawn with replacement, each with all utterances
    (cluster bootstrap). The balanced accuracy is a mean over accents of which some have
    few speakers, whose draws would be too narrow: its interval is Student's, with the
    variance over the speakers of each accent, and the degrees of freedom of Welch and
    Satterthwaite. Where all speakers of an accent are alike, that variance is not 0: it
    is that of a share of speakers with one more right and one more wrong.

    Args:
        truth: Accent by utterance; those with ``<unk>`` are left out.
        recognised: Accent by utterance.
        speakers: Speaker by utterance.

    Returns:
        The intervals; ``None`` where there are fewer than two speakers.
    """
    utts = [utt for utt, accent in truth.items() if accent != UNKNOWN_ACCENT]
    who = [speakers[utt] for utt in utts]
    if len(set(who)) < 2:
        return None
    hits = [int(recognised[utt] == truth[utt]) for utt in utts]
    accuracy = wer_interval(hits, [1] * len(utts), who, seed=seed, draws=draws)

    # Utterances, and those that were recognised, of each speaker of each accent
    counts: dict[str, dict[str, list[int]]] = {}
    for utt, name, hit in zip(utts, who, hits, strict=True):
        own = counts.setdefault(truth[utt], {}).setdefault(name, [0, 0])
        own[0] += 1
        own[1] += hit
    balanced = _find_balanced([np.array([*own.values()]) for own in counts.values()])
    if sum(hits) in (0, len(hits)):  # then both accuracies are the same
        balanced = accuracy
    return AccentIntervals(accuracy, balanced)


def _find_balanced(counts: Sequence[np.ndarray]) -> Interval:
    """Find the interval of the mean recall.

    Args:
        counts: For each accent, utterances and those recognised, (Speakers, 2).

    Returns:
        No limits where an accent has a single speaker.
    """
    recalls = np.array([sums[:, 1].sum() / sums[:, 0].sum() for sums in counts])
    estimate = 100.0 * float(recalls.mean())
    freedoms = np.array([len(sums) - 1 for sums in counts])
    if not freedoms.all():
        return Interval(estimate, math.nan, math.nan)
    parts = (
        np.array([_variance(*one) for one in zip(counts, recalls, strict=True)])
        / len(counts) ** 2
    )
    variance = float(parts.sum())
    freedom = variance**2 / float((parts**2 / freedoms).sum())
    width = 100.0 * float(stdtrit(freedom, (1 + LEVEL) / 2)) * math.sqrt(variance)
    return Interval(estimate, max(estimate - width, 0.0), min(estimate + width, 100.0))


def _variance(sums: np.ndarray, recall: float) -> float:
    """Return the variance of one accent's recall, a ratio of sums over speakers."""
    utterances, right = sums.T
    speakers = len(sums)
    residuals = (right - recall * utterances) / utterances.sum()
    found = float(np.square(residuals).sum()) * speakers / (speakers - 1)
    if math.sqrt(found) < ROUNDING:  # all alike
        share = (speakers * recall + 1) / (speakers + 2)
        found = share * (1 - share) / speakers
    return found
