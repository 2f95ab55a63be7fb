"""How sure an accent accuracy is: intervals over speakers."""

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from espnet_mtl.data.file_kinds import UNKNOWN_ACCENT
from espnet_mtl.metrics.bootstrap import DRAWS, LEVELS, ROUNDING, Interval, wer_interval


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
    """Draw speakers with replacement, each with all utterances (cluster bootstrap).

    For the balanced accuracy, they are drawn within each accent, so that none is lost.
    An accent of one speaker then adds nothing to the width: mind how few there are.

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
    rng = np.random.default_rng(seed)
    estimates, recalls = [], []
    for accent in sorted(counts):
        sums = np.array([*counts[accent].values()])
        estimates.append(sums[:, 1].sum() / sums[:, 0].sum())
        share = np.full(len(sums), 1 / len(sums))
        drawn = rng.multinomial(len(sums), share, size=draws) @ sums
        recalls.append(drawn[:, 1] / drawn[:, 0])
    low, high = 100 * np.quantile(np.mean(recalls, axis=0), LEVELS)
    if high - low < ROUNDING:  # all draws are alike
        # Where all are right, or all wrong, both accuracies are the same. Otherwise
        # the speakers of each accent are alike, or one: the width is unknown.
        same = sum(hits) in (0, len(hits))
        low, high = accuracy[1:] if same else (math.nan, math.nan)
    balanced = Interval(100 * float(np.mean(estimates)), float(low), float(high))
    return AccentIntervals(accuracy, balanced)
