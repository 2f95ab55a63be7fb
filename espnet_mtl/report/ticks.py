"""Round numbers for the axes of budgets, and places beyond a budget."""

import math

_STEPS = ((1,), (1, 3), (1, 2, 5), (1, 1.5, 2, 2.5, 3, 4, 5, 6, 8))  # in a decade
_SPACINGS = (1, 2, 5, 10, 20, 50)  # of ticks in dB


def log_ticks(low: float, high: float, most: int) -> list[float]:
    """Return round numbers between two, as many as there is room for."""
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    found: list[float] = []
    for steps in _STEPS:
        ticks = [float(f"{step}e{decade}") for decade in decades for step in steps]
        ticks = [tick for tick in ticks if low <= tick <= high]
        if len(found) < 2 or len(ticks) <= most:
            found = ticks
    return found


def even_ticks(low: float, high: float, most: int) -> list[float]:
    """Return whole numbers at equal distances between two."""
    wide = high - low
    space = next((one for one in _SPACINGS if wide / one <= most), _SPACINGS[-1])
    first, last = math.ceil(low / space), math.floor(high / space)
    return [float(space * number) for number in range(first, last + 1)]


def budget_ticks(norm: str | None, low: float, high: float, most: int) -> list[float]:
    """Return round budgets between two, for an axis in dB or a logarithmic one."""
    if norm == "snr":
        return even_ticks(min(low, high), max(low, high), most)
    return log_ticks(low, high, most)


def beyond(norm: str | None, budget: float, decibel: float) -> float:
    """Return the budget that is stronger by so many dB."""
    return budget - decibel if norm == "snr" else budget * 10.0 ** (decibel / 20.0)
