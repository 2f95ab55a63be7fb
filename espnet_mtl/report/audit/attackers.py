"""Gates of the audit: was what decides attacked, by an attacker who knows of it?"""

from collections.abc import Iterable

from espnet_mtl.report.audit.evidence import Evidence, Level
from espnet_mtl.report.audit.gate import (
    AGAIN,
    Finding,
    gate,
    judged,
    not_run,
    standard_or,
)
from espnet_mtl.report.norms import budget_name
from espnet_mtl.results.attack_scores import Row
from espnet_mtl.results.trial import Member

_WORD_BRANCHES = ("ctc", "att")
_ROUNDING = 1e-6
_UNTRIED = (
    "No attacker who ignores the accent branch was tried: give the attack one with "
    "`accent: 0`. Robustness against attackers who also attack the accent branch is "
    "not enough."
)


@gate(
    title="accent-blind attacker not stronger than what is reported",
    failure="An attacker who ignores the accent branch does better than the reported "
    "one. Robustness against attackers who also attack the accent branch is not "
    "enough.",
    needs_target=True,
)
def accent_blind(evidence: Evidence) -> Finding:
    if not _has_accent(evidence):
        return judged(True, "no accent branch")
    figures, passed = [], True
    for level in evidence.levels:
        rows = evidence.targeted_at(level)
        blind = _lowest(_blind_twer(evidence, row) for row in rows)
        reported = _lowest(row.adv_twer for row in rows)
        if blind is None or reported is None:
            at = budget_name(*level)
            if not any(_is_blind(member) for row in rows for member in row.members):
                return judged(False, f"no accent-blind attack at {at}", _UNTRIED)
            return not_run(f"no record of an accent-blind attack at {at}", AGAIN)
        passed = passed and reported <= blind + _ROUNDING
        figures.append(f"{blind:.1f} ({reported:.1f})")
    return judged(passed, f"AdvTWER {', '.join(figures)}; reported in brackets")


def _has_accent(evidence: Evidence) -> bool:
    measured = any(row.accent_acc is not None for row in evidence.result.rows)
    members = (member for row in evidence.targeted for member in row.members)
    return measured or any(member.weights.get("accent") for member in members)


def _is_blind(member: Member) -> bool:
    """Whether an attacker with gradients spends nothing on the accent."""
    return member.kind == "white_box" and not member.weights.get("accent")


def _lowest(rates: Iterable[float | None]) -> float | None:
    return min((rate for rate in rates if rate is not None), default=None)


def _blind_twer(evidence: Evidence, row: Row) -> float | None:
    """AdvTWER of a row's accent-blind attackers; ``None`` where it is not known."""
    blind = {(one.attack, one.attacker) for one in row.members if _is_blind(one)}
    if not blind or row.adv_twer is None:
        return None
    if len(row.members) == 1:
        return row.adv_twer
    edits = words = 0.0
    is_known = False
    for score, record in evidence.feasible(row):
        attempts = record.attempts if record else None
        is_known = is_known or attempts is not None
        costs = [
            attempt.cost
            for attempt in attempts or ()
            if (attempt.attack, attempt.attacker) in blind
        ]
        # What others had broken before is as broken as the report says.
        edits += min(costs, default=score.edits_target)
        words += score.words_target
    return 100.0 * edits / words if is_known and words else None


@gate(
    title="attacked loss and decoder match",
    failure="The decoder uses branches that were not attacked, so its transcripts may "
    "look robust only for that reason.",
    needs_target=True,
)
def loss(evidence: Evidence) -> Finding:
    """At every budget, some attacker attacks all branches that the decoder uses."""
    if evidence.run is None:
        return not_run("what was tried is not there any more", AGAIN)
    decoder = evidence.run.decoder
    if decoder is None:
        return not_run(
            "no attack asked the decoder, so its weights are unknown",
            standard_or(evidence, AGAIN),
        )
    heard = [name for name in decoder.branches if name in _WORD_BRANCHES]
    figures = []
    for level in evidence.levels:
        attacked = _attacked_branches(evidence, level)
        if not attacked:
            return not_run(
                f"no attack on CTC or attention at {budget_name(*level)}",
                "give the attack an attacker with a weight for `ctc` or `att`",
            )
        matching = [branches for branches in attacked if set(heard) <= set(branches)]
        best = min(matching or attacked, key=len)
        figures.append((bool(matching), "+".join(best)))
    passed = bool(heard) and all(matching for matching, _ in figures)
    shown = dict.fromkeys(name for matching, name in figures if matching == passed)
    figure = f"decodes {'+'.join(heard) or 'neither'}, attacked {', '.join(shown)}"
    for model, weight in (("LM", decoder.lm_weight), ("NGRAM", decoder.ngram_weight)):
        if weight:
            figure += f"; {model} {weight:g} not attacked"
    return judged(passed, figure)


def _attacked_branches(evidence: Evidence, level: Level) -> list[tuple[str, ...]]:
    """Word branches of each attacker with gradients."""
    found = [
        tuple(name for name in _WORD_BRANCHES if member.weights.get(name, 0) > 0)
        for row in evidence.targeted_at(level)
        for member in row.members
        if member.kind == "white_box"
    ]
    return [branches for branches in dict.fromkeys(found) if branches]
