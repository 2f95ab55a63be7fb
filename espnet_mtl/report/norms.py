"""The norms of budgets: their names, and which budget is the larger attack."""

NORM_NAMES = {
    "linf": "L-inf bound",
    "l2": "L2 bound",
    "snr": "bound on the SNR",
}


def strength(norm: str | None, budget: float) -> float:
    """Return a number to sort budgets by: larger where an attack may change more.

    For ``snr`` it is the negative budget, since a louder perturbation has a lower
    signal-to-noise ratio.
    """
    return -budget if norm == "snr" else budget


def budget_name(norm: str | None, budget: float) -> str:
    """Write a budget, with its unit where it has one."""
    return f"{budget:g} dB" if norm == "snr" else f"{budget:g}"
