"""Small experiment directories with searches for the smallest budget."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from exp_factory import CLEAN, SPEAKERS, WORDS, make_exp, make_trial

from espnet_mtl.results.record import Smallest

# Of one utterance: the budgets tried, from weak to strong, with the word errors that
# were left of the 10 of untouched audio. The last one is the saved file's.
Tried = Sequence[tuple[float, int]]


def curve_trial(attack="chain", attacker="accent_blind", norm="linf", strongest=0.008):
    """Make the trial that looks for the smallest budget."""
    trial = make_trial(attack, attacker, norm, strongest)
    name = f"{attack}_{attacker}_{norm}_curve"
    return replace(trial, name=name, role="curve")


def make_curve_exp(
    folder: Path,
    system: str,
    found: Mapping[str, Mapping[str, Tried]],
    *,
    norm="linf",
    strongest=0.008,
    snr_db=lambda utt, budget: 40.0,
    heard=None,
    attackers=("accent_blind",),
    **options,
) -> Path:
    """Make the directory of a system whose utterances were attacked with ever more.

    ``found`` says what was tried, of an attack and of an utterance such as ``ann-0``.
    The saved file has the last budget. ``heard`` are word errors in saved files, of
    utterances, where these are others than the attack heard.
    """
    heard = heard or {}
    searches = [
        curve_trial(attack, name, norm, strongest)
        for attack in found
        for name in attackers
    ]
    attacked = [
        make_trial(attack, name, norm, strongest)
        for attack in found
        for name in attackers
    ]
    speakers = options.get("speakers", SPEAKERS)

    def errors(trial, speaker, number):
        if trial.role == "control":
            return WORDS
        utt = f"{speakers[speaker]}-{number}"
        return heard.get(utt, found[trial.attack][utt][-1][1])

    def describe(trial, score):
        if trial.role != "curve":
            return {"snr_db": 30.0}
        tried = found[trial.attack][score.utt]
        (budget, cost), before = tried[-1], [one for one, _ in tried[:-1]]
        smallest = Smallest(
            budget=budget if cost == 0 else None,
            resisted=before[-1] if before and cost == 0 else None,
            tried=tuple((one, float(left)) for one, left in tried),
        )
        return {"smallest": smallest, "snr_db": snr_db(score.utt, budget)}

    trials = [CLEAN, make_trial("noise", norm=norm, budget=strongest)]
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


def lattice(weakest, strongest, within=1.1):
    """Budgets from one to another, each ``within`` above the one before."""
    budgets = [weakest]
    while budgets[-1] * within < strongest:
        budgets.append(budgets[-1] * within)
    return [*budgets, strongest]
