"""Gates of the audit: was what decides attacked, by an attacker who knows of it?"""

from collections import Counter
from collections.abc import Iterable

from espnet_mtl.report.audit.evidence import ACCENT_SUFFIX, Evidence, Level
from espnet_mtl.report.audit.gate import (
    AGAIN,
    Finding,
    gate,
    judged,
    not_run,
    standard_or,
)
from espnet_mtl.report.norms import budget_name
from espnet_mtl.results.attack import Decoder
from espnet_mtl.results.trial import WORD_BRANCHES, Member

_UNTRIED = (
    "No attacker who ignores the accent branch was tried: give the attack one with "
    "`accent: 0`. Robustness against attackers who also attack the accent branch is "
    "not enough."
)


@gate(
    title="attacked by who ignores the accent branch, with the same schedule as the "
    "twin without one",
    failure="The system and its twin without an accent branch were not attacked with "
    "the same effort: what differs between them may be the attack and not the system. "
    "Repeat stages 15 to 18 of both with the same configuration.",
    needs_target=True,
)
def accent_blind(evidence: Evidence) -> Finding:
    """Who ignores the accent branch was tried, as hard as on the twin.

    Effort is what was to be done: attacks, settings, and on whom. Gradients that were
    spent follow from it and from how long a system resists, so they are only shown.
    """
    if not _has_accent(evidence):
        return judged(True, "no accent branch")
    for level in evidence.levels:
        rows = evidence.targeted_at(level)
        if not any(_is_blind(member) for row in rows for member in row.members):
            figure = f"no accent-blind attack at {budget_name(*level)}"
            return judged(False, figure, _UNTRIED)
    twin = evidence.twin
    if twin is None:
        return judged(True, "accent-blind attacks at every budget; no twin to compare")
    for level in evidence.levels:
        mine, other = _schedule(evidence, level), _schedule(twin, level)
        if not other:
            how = f"attack {twin.label} with the same budgets"
            return not_run(f"{twin.label} not attacked at {budget_name(*level)}", how)
        more, fewer = mine - other, other - mine
        if more or fewer:
            said = [
                f"{label} alone: {', '.join(found)}"
                for label, found in ((evidence.label, more), (twin.label, fewer))
                if found
            ]
            return judged(False, f"at {budget_name(*level)}, {'; '.join(said)}")
    spent = [_gradients(one) for one in (evidence, twin)]
    figure = f"same schedule as {twin.label}"
    known = [f"{number:.0f}" for number in spent if number is not None]
    if len(known) == 2:
        figure += (
            f"; gradients spent on an utterance: {known[0]}, of {twin.label} {known[1]}"
        )
    return judged(True, figure)


def _gradients(evidence: Evidence) -> float | None:
    """How many gradients were spent on an utterance, on average, at all budgets."""
    records = [
        record
        for row in evidence.targeted
        for _, record in evidence.feasible(row)
        if record and record.attempts is not None
    ]
    utterances = {record.utt for record in records}
    if not utterances:
        return None
    attempts = [one for record in records for one in record.attempts or ()]
    return sum(one.gradients for one in attempts) / len(utterances)


def _has_accent(evidence: Evidence) -> bool:
    """Whether there is an accent branch, also where no accents were decoded."""
    if evidence.twin and evidence.system.endswith(ACCENT_SUFFIX):
        return True
    measured = any(row.accent_acc is not None for row in evidence.result.rows)
    members = (member for row in evidence.targeted for member in row.members)
    return measured or any(member.weights.get("accent") for member in members)


def _is_blind(member: Member) -> bool:
    """Whether an attacker with gradients spends nothing on the accent."""
    return member.kind == "white_box" and not member.weights.get("accent")


def _schedule(evidence: Evidence, level: Level) -> "Counter[str]":
    """What was to be done at a level, in words: attacks with settings.

    In a suite all attacks count, since an utterance keeps the worst of them. Attacks
    that stand for themselves are compared as far as they ignore the accent.
    """
    return Counter(
        _describe(member)
        for row in evidence.targeted_at(level)
        for member in row.members
        if row.suite is not None or not member.weights.get("accent")
    )


def _describe(member: Member) -> str:
    """Write an attack and its settings, without what depends on the system."""
    of_system = ("sources", "attacker")
    settings = [
        f"{name}={value}"
        for name, value in sorted(member.settings.items())
        if name not in of_system
    ]
    whom = ["everyone"] if member.everyone else []
    about = ", ".join([*whom, *settings])
    return f"{member.attack} ({about})" if about else member.attack


# Of the loss on the words: what a branch that nobody hears may take from the others.
MOST_UNHEARD = 0.1
# Between branches that are both heard, the balance matters less: whatever it is, the
# attack follows both.
MOST_OFF_BALANCE = 0.3


@gate(
    title="attacked loss and decoder match: all that the decoder weighs is attacked, "
    f"at most {MOST_UNHEARD:.0%} of the loss is of what it does not hear",
    failure="The loss that was attacked is not what the decoder goes by, so its "
    "transcripts may look robust only for that reason.",
    needs_target=True,
)
def loss(evidence: Evidence) -> Finding:
    """At every budget, some attacker weighs the branches as the decoder does.

    A language model counts as a branch that nobody attacks: its part of the score
    pulls transcripts back to likely texts, and no attack here follows its gradient.
    """
    if evidence.run is None:
        return not_run("what was tried is not there any more", AGAIN)
    decoder = evidence.run.decoder
    if decoder is None:
        return not_run(
            "no attack asked the decoder, so its weights are unknown",
            standard_or(evidence, AGAIN),
        )
    heard = _heard_shares(decoder)
    attacked = {level: list(_word_shares(evidence, level)) for level in evidence.levels}
    for level, found in attacked.items():
        if not found:
            return not_run(
                f"no attack on CTC or attention at {budget_name(*level)}",
                "give the attack an attacker with a weight for `ctc` or `att`",
            )
    nearest = {
        level: min(found, key=lambda shares: _distance(heard, shares))
        for level, found in attacked.items()
    }
    faults = [shares for shares in nearest.values() if not _match(heard, shares)]
    shown = faults or list(nearest.values())
    figure = f"decodes {_show(heard) or 'neither'}, attacked "
    figure += " / ".join(dict.fromkeys(_show(shares) for shares in shown))
    models = {"LM": decoder.lm_weight, "n-gram": decoder.ngram_weight}
    named = [f"{name} {weight:g}" for name, weight in models.items() if weight]
    if named:
        return judged(
            False,
            f"{figure}; {', '.join(named)} not attacked",
            "The decoder also goes by a language model, which no attack followed: it "
            "may look robust only for that reason. Decode without (`--inference_args "
            '"--lm_weight 0 --ngram_weight 0"`) to measure the recogniser.',
        )
    return judged(bool(heard) and not faults, figure)


def _heard_shares(decoder: Decoder) -> dict[str, float]:
    """What share of the acoustic score each branch has."""
    weights = {"ctc": decoder.ctc_weight, "att": 1.0 - decoder.ctc_weight}
    return _shares((name, weights[name]) for name in decoder.branches)


def _word_shares(evidence: Evidence, level: Level) -> Iterable[dict[str, float]]:
    """What share of the loss on the words each attacker with gradients gives."""
    for row in evidence.targeted_at(level):
        for member in row.members:
            if member.kind == "white_box":
                shares = _shares(member.weights.items())
                if shares:
                    yield shares


def _shares(weights: Iterable[tuple[str, float]]) -> dict[str, float]:
    words = {name: w for name, w in weights if name in WORD_BRANCHES and w > 0}
    return {name: words[name] / sum(words.values()) for name in sorted(words)}


def _distance(heard: dict[str, float], attacked: dict[str, float]) -> float:
    """How much of one is not in the other, from 0 to 1; above that without a branch."""
    lacking = len(heard.keys() - attacked.keys())
    names = heard.keys() | attacked.keys()
    return lacking + sum(
        abs(heard.get(name, 0.0) - attacked.get(name, 0.0)) / 2 for name in names
    )


def _match(heard: dict[str, float], attacked: dict[str, float]) -> bool:
    unheard = sum(share for name, share in attacked.items() if name not in heard)
    return unheard <= MOST_UNHEARD and _distance(heard, attacked) <= MOST_OFF_BALANCE


def _show(shares: dict[str, float]) -> str:
    if len(shares) == 1:
        return next(iter(shares))
    return "+".join(f"{share:.2g} {name}" for name, share in shares.items())
