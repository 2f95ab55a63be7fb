"""Who is harder to attack than whom, in one answer for all pairs of a question.

Nothing new is measured here: differences are those of the areas under two robustness
curves (``claims.py``), in dB instead of points. The area is a mean over the logarithm
of the budget, so a point of it is a hundredth of the span in dB.
"""

from collections.abc import Sequence

from espnet_mtl.report import claims
from espnet_mtl.report.audit.audits import Audit
from espnet_mtl.report.audit.gate import FAIL
from espnet_mtl.report.claims import Claim
from espnet_mtl.report.second_task import describe_branches
from espnet_mtl.report.table import number
from espnet_mtl.report.verdicts.verdict import (
    NOT_JUDGED,
    Bar,
    Verdict,
    recordings_of,
)


def answer_by_pairs(
    question: str,
    measured: Sequence[Claim],
    audits: Sequence[Audit],
    span: tuple[float, float] | None,
) -> Verdict:
    """Answer a question by what was measured of each pair.

    Args:
        span: Between which budgets areas are, in dB; ``None`` without any.
    """
    decibel = (span[1] - span[0]) / 100.0 if span else 0.0
    judged = [(claim, claim.judge(audits)) for claim in measured]
    found = {said for _, said in judged if not claims.is_open(said)}
    is_whole = not any(claims.is_open(said) for _, said in judged)
    if not found:
        answer = NOT_JUDGED
    elif found == {claims.SUPPORTED} and is_whole:
        answer = "Yes"
    elif claims.SUPPORTED in found:
        answer = "In part"
    else:
        answer = "No" if claims.CONTRADICTED in found else "Not shown"
        if not is_whole:
            answer += ", as far as it is judged"
    zero, bars = _bars(judged, decibel) if found else (50.0, [])
    return Verdict(question, answer, _say(judged, audits, decibel), bars, zero)


def _say(
    judged: Sequence[tuple[Claim, str]], audits: Sequence[Audit], decibel: float
) -> str:
    """Say how each pair fared, those first that are judged, and of how many."""
    said = [
        _said(*one, decibel) + _at_least(one[0], audits)
        for one in judged
        if not claims.is_open(one[1])
    ]
    others = [_said(*one, decibel) for one in judged if claims.is_open(one[1])]
    sizes = {
        (claim.area.utterances, claim.area.speakers, claim.seeds)
        for claim, one in judged
        if claim.area and not claims.is_open(one)
    }
    of = " or ".join(
        recordings_of(utterances, speakers)
        + (f" in each of {seeds} seeds" if seeds > 1 else "")
        for utterances, speakers, seeds in sorted(sizes)
    )
    parts = [f"{'; '.join(said)} ({of})."] if said else []
    parts += [f"{'; '.join(others)}."] if others else []
    systems = claims.systems_of([claim for claim, _ in judged])
    return " ".join(filter(None, [*parts, describe_branches(systems)]))


def _at_least(claim: Claim, audits: Sequence[Audit]) -> str:
    said = claim.at_least(audits)
    return f" ({said})" if said else ""


def _said(claim: Claim, judged: str, decibel: float) -> str:
    first, second = claim.first.label, claim.second.label
    if claim.area is None or FAIL in judged:
        return f"{first} against {second} is {judged}"
    value, low, high = (
        decibel * one for one in (claim.area.value, claim.area.low, claim.area.high)
    )
    interval = f"[{number(low, 1, sign=True)}, {number(high, 1, sign=True)}]"
    if judged == claims.NO_INTERVAL:
        interval = "of one speaker, so without an interval"
    size = f"{number(value, 1, sign=True)} dB {interval}"
    if claims.is_open(judged):
        return f"{first} against {second} is {judged}; what was measured: {size}"
    if judged == claims.SUPPORTED:
        return (
            f"{first} is harder to attack than {second}: it takes louder noise, {size}"
        )
    if judged == claims.CONTRADICTED:
        return (
            f"{first} is easier to attack than {second}: less noise is enough, {size}"
        )
    return f"{first} is not shown to be harder to attack than {second}: {size}"


def _bars(
    judged: Sequence[tuple[Claim, str]], decibel: float
) -> tuple[float, list[Bar]]:
    """Place the differences on one axis, which has no difference in it."""
    shown = [
        claim.area for claim, said in judged if claim.area and not claims.is_open(said)
    ]
    ends = [0.0, *(end for one in shown for end in (one.value, one.low, one.high))]
    ends = [end for end in ends if end == end]
    low, high = min(ends), max(ends)
    room = 0.12 * (high - low) or 1.0
    low, high = low - room, high + room

    def place(value: float) -> float:
        return round(100.0 * (value - low) / (high - low), 1)

    tones = {claims.SUPPORTED: "harder", claims.CONTRADICTED: "easier"}
    bars = []
    for claim, said in judged:
        label, area = f"{claim.first.label} − {claim.second.label}", claim.area
        if area is None or claims.is_open(said):
            bars.append(Bar(label, "", "none"))
            continue
        middle = place(area.value)
        has_interval = area.low == area.low
        bars.append(
            Bar(
                label,
                f"{number(decibel * area.value, 1, sign=True)} dB",
                tones.get(said, "open"),
                middle,
                place(area.low) if has_interval else middle,
                place(area.high) if has_interval else middle,
            )
        )
    return place(0.0), bars
