"""Attacks that want other words than were said, or another accent."""

from collections.abc import Sequence

from espnet_mtl.report.audit.audits import Audit
from espnet_mtl.report.groups import Group, SystemResult
from espnet_mtl.report.table import bracketed, number
from espnet_mtl.report.verdicts.verdict import (
    NOT_JUDGED,
    Verdict,
    recordings_of,
    show_success,
    why_not,
)
from espnet_mtl.results.attack_scores import Row


def answer_other_goals(group: Group, audits: Sequence[Audit]) -> list[Verdict]:
    """Say how attacks fared that want other words than were said, or another accent."""
    found = []
    for words, question in _GOALS.items():
        said, rates = [], []
        for system in group.systems:
            rows = [row for row in system.untargeted if row.words == words and row.n]
            if not rows:
                continue
            if why := why_not(system, audits):
                said.append(f"{system.label}: no claim ({why})")
                continue
            row = max(rows, key=lambda row: row.success_rate or 0.0)
            rates.append((row.success_rate or 0.0, row.null_success_rate or 0.0))
            said.append(_SAY[words](group, system, row))
        if said:
            answer = NOT_JUDGED
            if rates:
                with_attack, without = map(_range, zip(*rates, strict=True))
                answer = f"In {with_attack} of the recordings"
                if without != "0 %":
                    answer += f", in {without} without an attack"
            found.append(Verdict(question, answer, f"{'; '.join(said)}."))
    return found


def _range(rates: Sequence[float]) -> str:
    low, high = round(min(rates)), round(max(rates))
    return f"{high} %" if low == high else f"{low} to {high} %"


_GOALS = {
    "away": "Can noise make the recogniser mishear, whatever it hears instead?",
    "keep": "Can noise change the recognised accent while the words stay?",
}


def _every(system: SystemResult, row: Row) -> str:
    """Say of how many recordings a row is: also those whose target is out of reach."""
    scores = system.result.feasible_scores(row).values()
    return recordings_of(row.n, len({one.spk for one in scores}))


def _say_away(group: Group, system: SystemResult, row: Row) -> str:
    every = _every(system, row)
    return (
        f"{system.label} at a budget of {group.budget_name(row.budget)}: words are "
        f"wrong in {show_success(row)} of {every} "
        f"({number(row.null_success_rate, 1)} % without an attack), that is "
        f"{number(row.adv_wer, 1)} %{bracketed(row.adv_wer_ci, 1)} of all words "
        f"({number(row.benign_wer, 1)} % without an attack)"
    )


def _say_keep(group: Group, system: SystemResult, row: Row) -> str:
    every = _every(system, row)
    return (
        f"{system.label} at a budget of {group.budget_name(row.budget)}: the same "
        f"words in another accent in {show_success(row)} of {every} "
        f"({number(row.null_success_rate, 1)} % without an attack); "
        f"{number(row.adv_accent_acc, 1)} % of the accents are right "
        f"({number(row.accent_acc, 1)} % without an attack)"
    )


_SAY = {"away": _say_away, "keep": _say_keep}
