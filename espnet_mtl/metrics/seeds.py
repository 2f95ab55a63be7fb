"""An interval over speakers and over the seeds of trainings, for all of both.

The same utterances are attacked on models of several seeds, so speakers and seeds are
crossed. Both are drawn from more than were seen, and there are few seeds: a bootstrap
over three of them is too narrow, since it knows two thirds of their variance and no
tails. So this is Student's interval, with the variance of the mean over speakers plus
that over seeds. What is peculiar to a speaker with a seed is in both, so the interval
is rather too wide than too narrow, as that of a bootstrap that draws both is (Owen
2007, "The pigeonhole bootstrap", Annals of Applied Statistics 1).
"""

import math

import numpy as np
from scipy.special import stdtrit

from espnet_mtl.metrics.binomial import LEVEL
from espnet_mtl.metrics.bootstrap import ROUNDING, Interval, wer_difference_interval


def interval_over_seeds(
    values: np.ndarray, totals: np.ndarray, speakers: np.ndarray
) -> Interval:
    """Return a pooled rate in percent with its interval over speakers and seeds.

    Degrees of freedom are those of Welch and Satterthwaite, of the two parts.

    Args:
        values: What is counted, such as differences, (Seeds, Utterances).
        totals: Of how many, such as words, (Utterances,).
        speakers: Of each utterance, (Utterances,).

    Returns:
        The mean of the seeds' rates. Its limits are NaN with one seed or one speaker.

    Raises:
        ValueError: If the numbers of utterances differ.
    """
    if values.ndim != 2 or not values.shape[1] == len(totals) == len(speakers):
        raise ValueError(
            f"not one value for each seed and utterance: {values.shape}, "
            f"{len(totals)}, {len(speakers)}"
        )
    names, index = np.unique(speakers, return_inverse=True)
    rates = 100.0 * values.sum(axis=1) / totals.sum()
    estimate = float(rates.mean())
    if len(rates) < 2 or len(names) < 2:
        return Interval(estimate, math.nan, math.nan)
    # What each speaker adds to the estimate, of which the whole is the sum
    sums = np.bincount(index, values.mean(axis=0), len(names))
    words = np.bincount(index, totals, len(names))
    parts = (100.0 * sums - estimate * words) / totals.sum()
    of_speakers = len(names) * float(parts.var(ddof=1))
    of_seeds = float(rates.var(ddof=1)) / len(rates)
    variance = of_speakers + of_seeds
    if math.sqrt(variance) < ROUNDING:  # all alike: an interval is no point
        means = values.mean(axis=0)
        return wer_difference_interval(means, 0 * means, totals, speakers)
    freedom = variance**2 / (
        of_speakers**2 / (len(names) - 1) + of_seeds**2 / (len(rates) - 1)
    )
    width = float(stdtrit(freedom, (1 + LEVEL) / 2)) * math.sqrt(variance)
    return Interval(estimate, estimate - width, estimate + width)
