"""Exact intervals: scipy's are the oracle, and coverage is summed up exactly."""

import pytest
from scipy.stats import binom, binomtest
from scipy.stats import fisher_exact as scipy_fisher_exact

from espnet_mtl.metrics.binomial import (
    exact_interval,
    fisher_exact,
    lower_bound,
    median_ranks,
    sign_test,
    upper_bound,
)

CASES = [(0, 1), (1, 1), (0, 64), (1, 64), (32, 64), (63, 64), (64, 64), (3, 1000)]


@pytest.mark.parametrize("count, n", CASES)
@pytest.mark.parametrize("level", [0.9, 0.95, 0.99])
def test_as_scipy(count, n, level):
    test = binomtest(count, n).proportion_ci(level, "exact")
    assert exact_interval(count, n, level) == pytest.approx((test.low, test.high))
    for bound, side, end in (
        (lower_bound, "greater", "low"),
        (upper_bound, "less", "high"),
    ):
        test = binomtest(count, n, alternative=side).proportion_ci(level, "exact")
        assert bound(count, n, level) == pytest.approx(getattr(test, end))


@pytest.mark.parametrize("n", [5, 64])
@pytest.mark.parametrize("share", [0.001, 0.02, 0.3, 0.5, 0.97])
def test_contains_the_true_share_often_enough(n, share):
    """Over all counts that can come about, each with its probability."""
    covered = sum(
        binom.pmf(count, n, share)
        for count in range(n + 1)
        for low, high in [exact_interval(count, n)]
        if low <= share <= high
    )
    assert covered >= 0.95


@pytest.mark.parametrize("n", [6, 7, 8, 20, 100, 1_500, 1_000_000])
def test_ranks_around_the_median_are_as_narrow_as_they_may_be(n):
    low, high = median_ranks(n)
    assert low + high == n - 1
    # The median is below a value where fewer than that many values are below it.
    assert 2 * binom.cdf(low, n, 0.5) <= 0.05 < 2 * binom.cdf(low + 1, n, 0.5)


def test_five_values_have_no_interval_of_the_median():
    with pytest.raises(ValueError, match="5 values"):
        median_ranks(5)


@pytest.mark.parametrize("count, n", [(-1, 5), (6, 5), (0, 0)])
def test_what_is_no_share(count, n):
    with pytest.raises(ValueError, match=f"{count} of {n}"):
        exact_interval(count, n)


@pytest.mark.parametrize(
    "table",
    [
        *((0, 8, 5, 9), (3, 8, 3, 8), (6, 192, 0, 192), (1, 1, 0, 1), (60, 64, 20, 70)),
        *((3, 900_000, 15, 900_000), (9_000, 300_000, 9_300, 300_000)),
    ],
)
def test_two_shares_as_scipy(table):
    a, n_a, b, n_b = table
    expected = scipy_fisher_exact([[a, n_a - a], [b, n_b - b]]).pvalue
    assert fisher_exact(*table) == pytest.approx(expected)
    assert fisher_exact(b, n_b, a, n_a) == pytest.approx(expected)


@pytest.mark.parametrize(
    "more, fewer",
    [(0, 0), (6, 0), (0, 5), (3, 3), (20, 9), (1_000, 1_100), (40_000, 40_000)],
)
def test_signs_as_scipy(more, fewer):
    expected = binomtest(more, more + fewer).pvalue if more + fewer else 1.0
    assert sign_test(more, fewer) == pytest.approx(expected)


def test_impossible_shares_are_refused():
    with pytest.raises(ValueError, match="9 of 8"):
        fisher_exact(9, 8, 0, 1)
