"""Gate of the audit: was what decides attacked?"""

from collections.abc import Iterable

from espnet_mtl.report.audit.evidence import (
    LEAST_STEPS,
    Evidence,
    Level,
    follows_loss,
)
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
from espnet_mtl.results.trial import WORD_BRANCHES

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

    Only attacks of ``LEAST_STEPS`` or more count: a single step on the right loss,
    beside many on another one, is no attack on what the decoder hears.

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
                f"no attack of {LEAST_STEPS} steps on CTC or attention at "
                f"{budget_name(*level)}",
                "give the attack an attacker with a weight for `ctc` or `att`, and an "
                f"attack with at least {LEAST_STEPS} `steps`",
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
            if follows_loss(member):
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
