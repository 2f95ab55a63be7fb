"""Small experiment directories with searches for the smallest budget."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from exp_factory import CLEAN, SPEAKERS, WORDS, make_exp, make_trial

from espnet_mtl.report.norms import strength
from espnet_mtl.results.record import Smallest

Tried = Sequence[tuple[float, int]]
"""Of one utterance: the budgets tried, from weak to strong, with the word errors that
were left of the 10 of untouched audio."""


def until_broken(budgets: Sequence[float], place: int) -> Tried:
    """Say of one utterance that the budget at a place is the first that breaks it."""
    return [(budgets[n], 0 if n == place else 9) for n in range(place + 1)]


def saved(tried: Tried) -> tuple[float, int]:
    """Return what the saved file has: the first that broke, else the first nearest."""
    return min(tried, key=lambda one: one[1])


def curve_trial(attack, attacker, norm, budgets, curve):
    """Make the trial that looks for the smallest budget."""
    trial = make_trial(attack, attacker, norm, budgets[-1])
    name = f"{attack}_{attacker}_{norm}_curve"
    return replace(trial, name=name, role="curve", settings={"curve": curve or {}})


def make_curve_exp(
    folder: Path,
    system: str,
    found: Mapping[str, Mapping[str, Tried]],
    *,
    norm="linf",
    budgets=(0.001, 0.002, 0.004, 0.008),
    curve=None,
    snr_db=lambda utt, budget: 40.0,
    heard=None,
    attackers=("accent_blind",),
    **options,
) -> Path:
    """Make the directory of a system whose utterances were attacked with ever more.

    ``found`` says what was tried, of an attack and of an utterance such as ``ann-0``.
    ``budgets`` are those of the attack, from weak
    to strong, and ``curve`` is how it looked for others. ``heard`` are word errors in
    saved files, of utterances, where these are others than the attack heard.
    """
    heard = heard or {}
    searches = [
        curve_trial(attack, name, norm, budgets, curve)
        for attack in found
        for name in attackers
    ]
    attacked = [
        make_trial(attack, name, norm, budget)
        for attack in found
        for name in attackers
        for budget in budgets
    ]
    speakers = options.get("speakers", SPEAKERS)

    def errors(trial, speaker, number):
        if trial.role == "control":
            return WORDS
        utt = f"{speakers[speaker]}-{number}"
        return heard.get(utt, saved(found[trial.attack][utt])[1])

    def describe(trial, score):
        if trial.role != "curve":
            return {"snr_db": 30.0}
        tried = found[trial.attack][score.utt]
        budget, cost = saved(tried)
        failed = [one for one, left in tried if left]
        if cost == 0:
            failed = [
                one for one in failed if strength(norm, one) < strength(norm, budget)
            ]
        smallest = Smallest(
            budget=budget if cost == 0 else None,
            resisted=failed[-1] if failed else None,
            tried=tuple((one, float(left)) for one, left in tried),
            gradients=100 * len(tried),
            decodings=len(tried),
        )
        return {"smallest": smallest, "snr_db": snr_db(score.utt, budget)}

    trials = [CLEAN, make_trial("noise", norm=norm, budget=budgets[-1])]
    options = {"audio": False, **options}
    return make_exp(
        folder,
        system,
        errors=errors,
        trials=[*trials, *attacked, *searches],
        norm=norm,
        describe=describe,
        **options,
    )
