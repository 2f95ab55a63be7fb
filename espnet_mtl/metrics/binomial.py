"""Exact intervals of a share: how many of all, with what certainty.

Intervals of Clopper and Pearson 1934 ("The use of confidence or fiducial limits
illustrated in the case of the binomial", Biometrika 26): they contain the true share in
at least the stated part of all cases, also at 0 of n and n of n, where a bootstrap's
interval shrinks to a point. They take what is counted as independent.
"""

import numpy as np
from scipy.special import bdtr, betaincinv, gammaln

LEVEL = 0.95
BY_CHANCE = 0.05  # what is less likely by chance alone is taken to have a reason
# Five independent values all lie on one side of the median by chance in 1 of 16 cases,
# six in 1 of 32. So nothing is shown with 95 % by fewer than six.
LEAST_VALUES = 6
_ROUNDING = 1e-7  # of a chance; as R's fisher.test


def exact_interval(count: int, n: int, level: float = LEVEL) -> tuple[float, float]:
    """Return the two-sided interval of a share.

    Args:
        count: How many.
        n: Of how many, above 0.
        level: How often the interval contains the true share, at least.

    Returns:
        Both ends, between 0 and 1.

    Raises:
        ValueError: If ``count`` of ``n`` is impossible.
    """
    tail = (1 - level) / 2
    return lower_bound(count, n, 1 - tail), upper_bound(count, n, 1 - tail)


def lower_bound(count: int, n: int, level: float = LEVEL) -> float:
    """Return what a share is at least; see :func:`exact_interval`."""
    _check(count, n)
    return float(betaincinv(count, n - count + 1, 1 - level)) if count else 0.0


def upper_bound(count: int, n: int, level: float = LEVEL) -> float:
    """Return what a share is at most; see :func:`exact_interval`."""
    _check(count, n)
    return float(betaincinv(count + 1, n - count, level)) if count < n else 1.0


def median_ranks(n: int) -> tuple[int, int]:
    """Return which of ``n`` sorted values are the ends of an interval of the median.

    It is the exact one of 95 %, whatever the distribution: the number of values below
    the median is binomial with 1/2 (David & Nagaraja 2003, "Order Statistics", section
    7.1).

    Args:
        n: At least ``LEAST_VALUES``.

    Returns:
        Both places, from 0 on.

    Raises:
        ValueError: If there are too few values.
    """
    if n < LEAST_VALUES:
        raise ValueError(f"{n} values: an interval of the median needs {LEAST_VALUES}")
    # Numbers of values below the median that are too few to be likely
    few = np.arange(n // 2)
    place = int((bdtr(few, n, 0.5) <= (1 - LEVEL) / 2).sum()) - 1
    return place, n - 1 - place


def sign_test(more: int, fewer: int) -> float:
    """Tell how likely pairs differ so one-sidedly by chance; the exact sign test.

    Args:
        more: Pairs of which the first value is the larger one.
        fewer: Pairs of which it is the smaller one. Equal values do not count.

    Returns:
        Chance of a split at least as uneven, either way, if both are as likely.
    """
    return min(1.0, 2.0 * float(bdtr(min(more, fewer), more + fewer, 0.5)))


def fisher_exact(count_a: int, n_a: int, count_b: int, n_b: int) -> float:
    """Tell how likely two shares differ so much by chance; Fisher's exact test.

    With what both count together given, ``count_a`` is hypergeometric if the shares
    are the same (Fisher 1935, "The logic of inductive inference", Journal of the Royal
    Statistical Society 98).

    Args:
        count_a: How many in the first sample.
        n_a: Of how many, above 0.
        count_b: How many in the second one.
        n_b: Of how many, above 0.

    Returns:
        Chance of all splits that are no likelier than this one.

    Raises:
        ValueError: If one of the shares is impossible.
    """
    _check(count_a, n_a)
    _check(count_b, n_b)
    together = count_a + count_b
    k = np.arange(max(0, together - n_b), min(n_a, together) + 1)
    ways = _log_ways(n_a, k) + _log_ways(n_b, together - k)
    likely = np.exp(ways - ways.max())
    # Of two splits that are as likely, rounding must not make one the likelier.
    mine = likely[count_a - k[0]] * (1 + _ROUNDING)
    return min(1.0, float(likely[likely <= mine].sum() / likely.sum()))


def _log_ways(n: int, k: np.ndarray) -> np.ndarray:
    """Logarithm of the number of ways to choose ``k`` of ``n``."""
    return np.asarray(gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1))


def _check(count: int, n: int) -> None:
    if not 0 <= count <= n or n < 1:
        raise ValueError(f"{count} of {n}: no such share")
