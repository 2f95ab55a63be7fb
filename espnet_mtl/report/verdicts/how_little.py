"""How little noise makes systems hear what the attacker wants."""

from collections.abc import Sequence

from espnet_mtl.report.audit.audits import Audit
from espnet_mtl.report.audit.gate import NOT_RUN
from espnet_mtl.report.groups import Group, SystemResult
from espnet_mtl.report.norms import LEVELS
from espnet_mtl.report.robustness.curves import GroupCurves, SystemCurves
from espnet_mtl.report.table import number
from espnet_mtl.report.verdicts.verdict import (
    NOT_JUDGED,
    Verdict,
    gates_of,
    recordings_of,
    show_success,
    why_not,
)
from espnet_mtl.results.attack_scores import Row

_LEFT_DB = 3.0  # an attack that is so far below its budget has searched for less


def how_little(
    group: Group, curves: GroupCurves | None, audits: Sequence[Audit]
) -> Verdict:
    """Say how little noise makes systems hear what the attacker wants."""
    question = "How little noise makes the recogniser hear what an attacker wants?"
    sound = [one for one in group.systems if not why_not(one, audits)]
    refused = [
        f"{one.label}: no claim ({why})"
        for one in group.systems
        if (why := why_not(one, audits))
    ]
    partly = [
        f"{one.label} ({', '.join(gates)})"
        for one in sound
        if (gates := gates_of(one, audits, NOT_RUN))
    ]
    notes = [f"{'; '.join(refused)}."] if refused else []
    if partly:
        notes.append(f"Not all gates of the audit could be run: {'; '.join(partly)}.")
    if not sound:
        return Verdict(question, NOT_JUDGED, " ".join(notes))
    labels = [one.label for one in sound]
    shown = [one for one in curves.systems if one.label in labels] if curves else []
    if shown:
        answer, sentence = _median_of(shown)
        said, lacking = {one.label for one in shown}, "has no robustness curve"
    else:
        rows = _largest_of(group, sound)
        answer, sentence = _success_of(group, rows)
        said = {one.label for one, _ in rows}
        lacking = "was not attacked with this budget"
    notes = [f"{label} {lacking}." for label in labels if label not in said] + notes
    return Verdict(question, answer, " ".join([sentence, *notes]))


def _median_of(systems: Sequence[SystemCurves]) -> tuple[str, str]:
    """Say it by the smallest budgets that break half of the recordings."""
    known = [one for one in systems if one.whole.median.value is not None]
    others = [one for one in systems if one.whole.median.value is None]
    parts = []
    answer = "More than was tried"
    if known:
        known.sort(key=_loudness)
        easiest, hardest = known[0], known[-1]
        first, last = _decibel(easiest), _decibel(hardest)
        same = round(first) == round(last)
        answer = _place(easiest)
        if not same:
            between = f"{abs(last):.0f}" if last * first > 0 else _place(hardest)
            answer = f"{between} to {answer}"
        who = _median_words(easiest)
        if len(known) > 1:
            who = f"from {who}, the easiest, to {_median_words(hardest)}, the hardest"
        largest = max((one.whole for one in known), key=lambda whole: whole.n)
        every = recordings_of(largest.n, largest.speakers)
        if any(one.whole.n != largest.n for one in known):
            every = f"up to {every}"
        else:
            every = f"the {every}"
        parts.append(f"Noise {_times(last)} is enough for half of {every}: {who}")
    for one in others:
        every = recordings_of(one.whole.n, one.whole.speakers)
        parts.append(
            f"{one.label} resists in more than half of the {every} up to the largest "
            "budget tried"
        )
    return answer, f"{'; '.join(parts)}."


def _place(system: SystemCurves) -> str:
    """Say where the noise lies that breaks half."""
    decibel = _decibel(system)
    where, more = ("below", "more") if round(decibel) >= 0 else ("above", "less")
    bound = f" or {more}" if _is_bound(system) else ""
    return f"{abs(decibel):.0f} dB{bound} {where} the speech"


def _times(decibel: float) -> str:
    """Say how loud noise of an SNR is."""
    times = 10 ** (abs(decibel) / 20)
    if round(times) == 1:
        return "about as loud as the speech"
    return f"{times:.0f} times {'weaker' if decibel > 0 else 'louder'} than the speech"


def _loudness(system: SystemCurves) -> float:
    return -_decibel(system)


def _decibel(system: SystemCurves) -> float:
    """Return the SNR at which half are broken; of an SNR norm the budget is one."""
    curve = system.whole
    if curve.norm == "snr" and curve.median.value is not None:
        return curve.median.value
    return curve.median_snr_db.value or 0.0


def _is_bound(system: SystemCurves) -> bool:
    """Whether weaker noise may be enough, which was not tried."""
    return system.whole.median.value in system.whole.median.bounds


def _median_words(system: SystemCurves) -> str:
    curve = system.whole
    median = curve.median if curve.norm == "snr" else curve.median_snr_db
    shown = f"{system.label} at {number(_decibel(system), 1)} dB"
    shown += " or more" if _is_bound(system) else ""
    if median.ci is not None:
        low, high = median.ci
        ends = ("beyond" if low is None else number(low, 1), number(high, 1))
        shown += f" [{', '.join(ends)}]"
    if curve.norm == "linf" and curve.median.value is not None:
        levels = LEVELS * curve.median.value
        shown += f", {levels:.3g} levels of 16-bit audio"
    return shown


_Rows = Sequence[tuple[SystemResult, Row]]


def _largest_of(group: Group, systems: Sequence[SystemResult]) -> _Rows:
    """Find each system's most successful attack with the largest budget."""
    found = ((one, _most_successful(one, group.budgets[-1])) for one in systems)
    return [(one, row) for one, row in found if row is not None]


def _success_of(group: Group, rows: _Rows) -> tuple[str, str]:
    """Say it by the share of recordings broken with the largest budget."""
    if not rows:
        return NOT_JUDGED, "No attack with the largest budget counts."
    budget = _budget_of(group, [row for _, row in rows])
    differ = len({row.n for _, row in rows}) > 1
    said = "; ".join(
        f"{one.label} {show_success(row)}{f' of {row.n}' if differ else ''}"
        for one, row in rows
    )
    rates = [row.success_rate or 0.0 for _, row in rows]
    low, high = min(rates), max(rates)
    share = (
        f"{high:.0f} %" if round(low) == round(high) else f"{low:.0f} to {high:.0f} %"
    )
    most = max(row.n for _, row in rows)
    of = recordings_of(most, len(group.speakers))
    return (
        f"{budget} for {share} of the recordings",
        f"With a budget of {budget}, exactly the attacker's sentence is heard in so "
        f"many of {f'up to {of}' if differ else of}: {said}.",
    )


def _budget_of(group: Group, rows: Sequence[Row]) -> str:
    """Name the largest budget, and what attacks have left of it that go below it."""
    budget = group.budgets[-1]
    quieter = [row.snr_db for row in rows if row.snr_db is not None]
    if group.norm != "snr" or not quieter or min(quieter) < budget + _LEFT_DB:
        return group.budget_name(budget)
    found = " to ".join(dict.fromkeys(f"{f(quieter):.0f}" for f in (min, max)))
    return f"{group.budget_name(budget)} (on average, {found} dB were left)"


def _most_successful(system: SystemResult, budget: float) -> Row | None:
    rows = [
        row
        for row in system.attacked
        if row.budget == budget and row.success_rate is not None
    ]
    return max(rows, key=lambda row: row.success_rate or 0.0) if rows else None
