"""Gate of the audit: is a larger budget worth more?"""

from collections.abc import Sequence
from itertools import pairwise

from espnet_mtl.metrics.binomial import BY_CHANCE, sign_test
from espnet_mtl.report.audit.evidence import Evidence
from espnet_mtl.report.audit.gate import (
    AGAIN,
    PASS,
    Finding,
    gate,
    judged,
    not_run,
    standard_or,
)
from espnet_mtl.report.audit.strength import unbounded
from espnet_mtl.report.norms import budget_name, strength
from espnet_mtl.results.attack_scores import Row
from espnet_mtl.results.trial import SCRATCH

MOST_FALL = 1.0  # percent of the utterances, or one utterance
LEAST_SCRATCH = 8

_GRADIENTS = "give the attack a part with gradients and `steps`, such as pgd"
_SCRATCH = "give the suite `scratch: 32`, an attack that begins anew"
_LOUDER = "give the attack a budget that breaks more of the utterances"
_DEAD_END = (
    "An attack that begins anew with the largest budget breaks what the one that went "
    "on from smaller budgets has missed: its start was a dead end, and the system is "
    "less robust than reported. Attack with `ascending: false`, or with more attacks "
    "that begin elsewhere (`wide`)."
)


@gate(
    title="success grows with the budget, also from scratch, which finds hardly "
    f"anything else (one or {MOST_FALL:g} %)",
    failure="A larger budget contains the smaller one: an attack that gains nothing by "
    "it misses what is there.",
    needs_target=True,
)
def growth(evidence: Evidence) -> Finding:
    """Success never falls with the budget, and that of the best attacker grows.

    A weak attack, such as one of a single step, may be at 0 everywhere.

    Where budgets are ascending, success cannot fall, since what a smaller budget has
    broken stays broken; and what seems to be gained by a larger one may be gained by
    the further gradients alone. So such a suite attacks some utterances from scratch
    with the largest budget, by its attacks with gradients alone (Carlini et al. 2019,
    arXiv 1902.06705, section 5, ask for what attacks reach as the budget grows).
    That has to

    - break more than the whole suite did with the smallest budget, where there is more
      to break: so it is the budget that counts;
    - break nothing that going on has missed: so going on is no dead end.

    One utterance, or ``MOST_FALL`` percent, may go the other way by luck. Where so few
    are broken at all that going on may be ahead by chance (exact sign test), nothing
    can be said.
    """
    series: dict[tuple[str, ...], list[tuple[float, float]]] = {}
    counts = []
    for row in evidence.targeted:
        has_gradients = any(member.kind == "white_box" for member in row.members)
        if row.success_rate is not None and has_gradients:
            point = (strength(row.norm, row.budget), row.success_rate)
            series.setdefault(_series(row), []).append(point)
            counts.append(row.n)
    if not series:
        return not_run("no attack with gradients", _GRADIENTS)
    if any(len(points) < 2 for points in series.values()):
        return not_run("one budget alone", "give the attack two `budgets` or more")
    # Each budget is attacked for itself, so one utterance may go the other way.
    slack = max(MOST_FALL, 100.0 / max(min(counts), 1)) + 1e-9
    rates = [[rate for _, rate in sorted(points)] for points in series.values()]
    steady = all(low <= high + slack for each in rates for low, high in pairwise(each))
    first, last = (max(each[end] for each in rates) for end in (0, -1))
    figures = [
        (f"{name} " if len(series) > 1 else "")
        + ", ".join(f"{rate:.1f}" for rate in each)
        for (name, *_), each in zip(series, rates, strict=True)
    ]
    figure = f"{'; '.join(figures)} %"
    if not steady or (last <= first and first < 100.0):
        nothing = "" if max(first, last) else _nothing(evidence)
        return judged(False, figure, evidence.bad_recogniser or nothing)
    if evidence.run is None:
        return not_run(f"{figure}; not known whether any began anew", AGAIN)
    if not any(trial.role == "main" and trial.after for trial in evidence.run.trials):
        return judged(True, figure)
    return _from_scratch(evidence, figure)


def _from_scratch(evidence: Evidence, figure: str) -> Finding:
    """Compare ascending budgets with an attack that begins anew with the largest."""
    weak, strong = evidence.levels[0], evidence.levels[-1]
    smallest, going_on = (
        _broken(evidence, evidence.targeted_at(level)) for level in (weak, strong)
    )
    rows = [row for row in evidence.result.of("audit") if row.attack == SCRATCH]
    anew = _broken(evidence, rows)
    both = anew.keys() & smallest.keys() & going_on.keys()
    if len(both) < LEAST_SCRATCH:
        how = standard_or(evidence, _SCRATCH)
        lacking = f"{len(both)} from scratch" if both else "none from scratch"
        return not_run(f"{figure}; {lacking} with the largest budget", how)
    before, after = (sum(one[utt] for utt in both) for one in (smallest, anew))
    missed = sum(anew[utt] and not going_on[utt] for utt in both)
    figure += (
        f"; from scratch at {budget_name(*strong)} {after} of {len(both)}, all at "
        f"{budget_name(*weak)} {before}; {missed} missed by going on"
    )
    slack = max(1, MOST_FALL / 100.0 * len(both))
    if missed > slack:
        return judged(False, figure, _DEAD_END)
    is_as_strong = after >= before - slack
    if is_as_strong and (after > before or len(both) - before <= slack):
        return judged(True, figure)
    kept = sum(going_on[utt] and not anew[utt] for utt in both)
    if is_as_strong and sign_test(kept, missed) >= BY_CHANCE:
        return not_run(f"{figure}: too few to tell", _LOUDER)
    return judged(False, figure, evidence.bad_recogniser)


def _broken(evidence: Evidence, rows: Sequence[Row]) -> dict[str, bool]:
    """Whether any of some trials has broken each utterance that counts."""
    broken: dict[str, bool] = {}
    for row in rows:
        for score, _ in evidence.feasible(row):
            broken[score.utt] = broken.get(score.utt, False) or score.success
    return broken


def _nothing(evidence: Evidence) -> str:
    """Say what it means that no utterance was broken with any budget."""
    if unbounded.check(evidence).verdict == PASS:
        return (
            "No budget is large enough to break an utterance, but without a bound the "
            "attack succeeds: what happens in between is not shown. Give a larger "
            "budget."
        )
    return (
        "No budget broke an utterance: the budgets are too small, or the attack is "
        "broken (`unbounded` tells)."
    )


def _series(row: Row) -> tuple[str, ...]:
    """What rows of one attack with several budgets have in common; first its name."""
    attacker = row.attacker if len(row.members) == 1 else None
    name = f"{row.attack}_{attacker}" if attacker else row.attack
    settings = [(one.attacker, one.settings) for one in row.members]
    return name, str(row.norm), repr(settings)
