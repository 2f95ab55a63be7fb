"""Robustness curves: how an attack fares as its budget grows."""
