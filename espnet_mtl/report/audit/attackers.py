"""Gates of the audit: was what decides attacked, by somebody who knows what counts?"""

from espnet_mtl.report.audit.evidence import Evidence, Level
from espnet_mtl.report.audit.finding import Finding, judged, not_run
from espnet_mtl.report.audit.strength import UNTARGETED
from espnet_mtl.report.experiment import Row
from espnet_mtl.report.norms import budget_name

_WORD_BRANCHES = ("ctc", "att")
_ROUNDING = 1e-6


def check_accent_blind(evidence: Evidence) -> Finding:
    """Who leaves the accent branch alone does not come nearer than what is reported."""
    if not evidence.levels:
        return not_run(UNTARGETED)
    if not _has_accent(evidence):
        known = all("weights" in one for one in _attackers(evidence))
        return judged(True, "no accent branch") if known else not_run("unknown weights")
    figures, passed = [], True
    for level in evidence.levels:
        blind, reported = _blind_and_reported(evidence, level)
        if blind is None:
            at = budget_name(*level)
            if _nobody_is_blind(evidence, level):
                return judged(False, f"no accent-blind attack at {at}")
            return not_run(f"no record of an accent-blind attack at {at}")
        passed = passed and reported <= blind + _ROUNDING
        figures.append(f"{blind:.1f} ({reported:.1f})")
    return judged(passed, f"AdvTWER {', '.join(figures)}; reported in brackets")


def _attackers(evidence: Evidence) -> list[Row]:
    return [one for row in evidence.targeted for one in evidence.attackers_of(row)]


def _has_accent(evidence: Evidence) -> bool:
    measured = any(row.get("accent_acc") is not None for row in evidence.result.rows)
    weighed = any(one.get("weights", {}).get("accent") for one in _attackers(evidence))
    return measured or weighed


def _is_blind(attacker: Row) -> bool:
    """Whether an attacker with gradients spends nothing on the accent."""
    if attacker["kind"] != "white_box":
        return False
    if "weights" not in attacker:
        return attacker["attacker"] == "accent_blind"
    return not attacker["weights"].get("accent")


def _nobody_is_blind(evidence: Evidence, level: Level) -> bool:
    """Whether all attackers are known to spend something on the accent."""
    attackers = [
        one for row in evidence.targeted_at(level) for one in evidence.attackers_of(row)
    ]
    known = all("weights" in one for one in attackers)
    return known and not any(_is_blind(one) for one in attackers)


def _blind_and_reported(
    evidence: Evidence, level: Level
) -> tuple[float | None, float | None]:
    """AdvTWER of the accent-blind attackers, and of what is reported."""
    rows = [row for row in evidence.targeted_at(level) if row["adv_twer"] is not None]
    reported = min((row["adv_twer"] for row in rows), default=None)
    blind = [
        rate
        for row in rows
        if (rate := _blind_twer(evidence, row, evidence.attackers_of(row))) is not None
    ]
    return min(blind, default=None), reported


def _blind_twer(evidence: Evidence, row: Row, attackers: list[Row]) -> float | None:
    blind = [one for one in attackers if _is_blind(one)]
    if not blind:
        return None
    if len(attackers) == len(blind) == 1:
        return row["adv_twer"]
    names = {(one["attack"], one["attacker"]) for one in blind}
    edits = words = 0.0
    met = False
    for line, record in evidence.feasible(row):
        costs = [
            attempt["cost"]
            for attempt in record.get("attempts") or []
            if (attempt["attack"], attempt["attacker"]) in names
            and attempt["cost"] is not None
        ]
        met = met or "attempts" in record
        # What others had broken before is as broken as the report says.
        edits += min(costs, default=line["edits_target"])
        words += line["words_target"]
    return 100.0 * edits / words if met and words else None


def check_loss(evidence: Evidence) -> Finding:
    """At every budget, somebody attacks all branches that the decoder listens to."""
    if not evidence.levels:
        return not_run(UNTARGETED)
    if evidence.decoder is None:
        return not_run("unknown what the decoder weighs")
    heard = [name for name in evidence.decoder["branches"] if name in _WORD_BRANCHES]
    figures = []
    for level in evidence.levels:
        attacked = _attacked_branches(evidence, level)
        if not attacked:
            return not_run("unknown what was attacked")
        matching = [branches for branches in attacked if set(heard) <= set(branches)]
        best = min(matching or attacked, key=len)
        figures.append((bool(matching), "+".join(best)))
    passed = bool(heard) and all(matching for matching, _ in figures)
    shown = dict.fromkeys(name for matching, name in figures if matching == passed)
    figure = f"decodes {'+'.join(heard) or 'neither'}, attacked {', '.join(shown)}"
    for model in ("lm", "ngram"):
        if weight := evidence.decoder.get(f"{model}_weight"):
            figure += f"; {model.upper()} {weight:g} not attacked"
    return judged(passed, figure)


def _attacked_branches(evidence: Evidence, level: Level) -> list[tuple[str, ...]]:
    """Word branches of each attacker with gradients."""
    found = [
        tuple(name for name in _WORD_BRANCHES if one["weights"].get(name, 0) > 0)
        for row in evidence.targeted_at(level)
        for one in evidence.attackers_of(row)
        if one["kind"] == "white_box" and "weights" in one
    ]
    return [branches for branches in dict.fromkeys(found) if branches]
