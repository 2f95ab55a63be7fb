"""The norms of budgets: their names, and which budget is the larger attack."""

import math

NORM_NAMES = {
    "linf": "L-inf bound",
    "l2": "L2 bound",
    "snr": "bound on the SNR",
}


LEVELS = 32768  # of 16-bit audio, in full scale


def strength(norm: str | None, budget: float) -> float:
    """Return a number to sort budgets by: larger where an attack may change more.

    For ``snr`` it is the negative budget, since a louder perturbation has a lower
    signal-to-noise ratio.
    """
    return -budget if norm == "snr" else budget


def decibels(norm: str | None, budget: float) -> float:
    """Return the place of a budget on an axis in dB, larger for a larger attack.

    A radius twice as large is 6 dB further, whatever the norm.
    """
    return -budget if norm == "snr" else 20.0 * math.log10(budget)


def from_decibels(norm: str | None, place: float) -> float:
    """Return the budget at a place on that axis."""
    return -place if norm == "snr" else float(f"{10.0 ** (place / 20.0):.9g}")


def budget_name(norm: str | None, budget: float) -> str:
    """Write a budget, with its unit where it has one."""
    return f"{budget:g} dB" if norm == "snr" else f"{budget:g}"
