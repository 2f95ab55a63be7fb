"""The norms of budgets: their names, and which budget is the larger attack."""

NORM_NAMES = {
    "linf": "L-inf bound",
    "l2": "L2 bound",
    "snr": "bound on the SNR",
}


def strength(norm: str | None, budget: float) -> float:
    """Give the order of budgets: the larger, the more an attack may change.

    Args:
        norm: The norm; ``None`` without a bound.
        budget: The budget.

    Returns:
        The budget; for ``snr`` its negative, since a louder perturbation has a lower
        signal-to-noise ratio.
    """
    return -budget if norm == "snr" else budget


def budget_name(norm: str | None, budget: float) -> str:
    """Write a budget, with its unit where it has one."""
    return f"{budget:g} dB" if norm == "snr" else f"{budget:g}"
