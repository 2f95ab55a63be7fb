"""What training and validation measured, from the log of ESPnet's trainer."""

import re
from pathlib import Path

_RESULTS = re.compile(r"\b(\d+)epoch results: (.*)$")
_PART = re.compile(r"\[(\w+)\] ([^\[]*)")
_VALUE = re.compile(r"\b(\w+)=([-+]?(?:\d+\.?\d*(?:e[-+]?\d+)?|nan|inf))(?=,|\s*$)")


def read_training_log(exp: Path) -> dict[str, dict[int, float]]:
    """Read what training and validation measured after each epoch.

    A training that was continued has several logs (``train.log`` and the older
    ``train.1.log``, ``train.2.log``, ...); an epoch counts as its newest log says.

    Returns:
        ``"valid.loss"``, ``"train.acc"`` and so on -> epoch -> value; empty where there
        is no log. Values that are not finite are left out.
    """
    curves: dict[str, dict[int, float]] = {}
    for path in sorted(exp.glob("train*.log"), key=_age, reverse=True):
        for line in path.read_text(encoding="utf-8", errors="replace").split("\n"):
            _take(line, curves)
    known = sorted((name, curve) for name, curve in curves.items() if curve)
    return {name: dict(sorted(curve.items())) for name, curve in known}


def _age(path: Path) -> int:
    """``train.log`` is the newest, then ``train.1.log``."""
    middle = path.name.removeprefix("train").removesuffix("log").strip(".")
    return int(middle) if middle.isdigit() else 0


def _take(line: str, curves: dict[str, dict[int, float]]) -> None:
    match = _RESULTS.search(line)
    if not match:
        return
    for part, values in _PART.findall(match[2]):
        for name, text in _VALUE.findall(values):
            value = float(text)
            curve = curves.setdefault(f"{part}.{name}", {})
            curve.pop(int(match[1]), None)
            if abs(value) < float("inf"):
                curve[int(match[1])] = value
