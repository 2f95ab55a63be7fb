"""Exact intervals of a share: how many of all, with what certainty.

Intervals of Clopper and Pearson 1934 ("The use of confidence or fiducial limits
illustrated in the case of the binomial", Biometrika 26): they contain the true share in
at least the stated part of all cases, also at 0 of n and n of n, where a bootstrap's
interval shrinks to a point. They take what is counted as independent.
"""

from scipy.special import betaincinv

LEVEL = 0.95


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


def _check(count: int, n: int) -> None:
    if not 0 <= count <= n or n < 1:
        raise ValueError(f"{count} of {n}: no such share")
