"""Gates of the audit: can the model be attacked as it is?"""

from espnet_mtl.report.audit.evidence import Evidence
from espnet_mtl.report.audit.gate import (
    AGAIN,
    Finding,
    gate,
    judged,
    not_run,
    standard_or,
)
from espnet_mtl.report.cautions import MAX_WER_SPREAD
from espnet_mtl.results.record import Health

MOST_REPEAT_DIFFERENCE = 1e-3  # of a loss; rounding makes less, dropout far more


@gate(
    title="gradients at the start are finite and not zero",
    failure="Some utterances give the attack no direction to go, and look robust for "
    "that reason alone.",
)
def gradients(evidence: Evidence) -> Finding:
    health, lacking = _health(evidence)
    if not health:
        return not_run("gradients not looked at", standard_or(evidence, AGAIN))
    finite = sum(one.gradient_finite for one in health)
    zero = sum(one.gradient_finite and not one.gradient_l1 for one in health)
    share = 100.0 * max(one.gradient_zero_share for one in health)
    figure = f"{finite} of {len(health)} finite, {zero} zero, "
    figure += f"at most {share:.1f} % of the samples without"
    if finite < len(health) or zero:
        return judged(False, figure)
    if lacking:
        return not_run(f"{lacking} of {lacking + len(health)} not looked at", AGAIN)
    return judged(True, figure)


@gate(
    title="repeated runs of the model agree",
    failure="The model answers differently when it is asked twice: an attack on one "
    "answer says little about the next, so the attack has to average (`eot`).",
)
def repeats(evidence: Evidence) -> Finding:
    health, lacking = _health(evidence)
    known = [one for one in health if one.loss_repeat_diff is not None]
    lacking += len(health) - len(known)
    if health and not known:
        return not_run(
            "loss is no number", "find out why the loss of untouched audio is infinite"
        )
    if not known:
        return not_run("not asked twice", standard_or(evidence, AGAIN))
    loss = max(abs(one.loss_repeat_diff or 0.0) for one in known)
    heard = sum(not one.heard_repeat for one in known)
    passed = loss <= MOST_REPEAT_DIFFERENCE and not heard
    if passed and lacking:
        return not_run(f"{lacking} of {lacking + len(known)} not asked twice", AGAIN)
    figure = f"loss differs by {loss:.1g}, text in {heard} of {len(known)}"
    return judged(passed, figure)


def _health(evidence: Evidence) -> tuple[list[Health], int]:
    """What is known of the untouched utterances, and for how many it is missing."""
    # A target that cannot be reached may have an infinite loss, of any good model; what
    # was attacked without a target has none.
    every = [
        evidence.records.get(score.key)
        for score in evidence.untouched.values()
        if score.feasible or not evidence.levels
    ]
    known = [record.health for record in every if record and record.health]
    return known, len(every) - len(known)


@gate(
    title=f"benign WER of compared systems within {MAX_WER_SPREAD:g} points",
    failure="A worse recogniser resists targets better through its own errors: "
    "differences between these systems are not robustness alone.",
)
def benign_wer(evidence: Evidence) -> Finding:
    wers = evidence.benign_wers.values()
    if len(wers) < 2:
        return not_run(
            "one system with figures",
            "give the report several systems (`asr_mtl_report --exp`)",
        )
    figure = f"{min(wers):.2f} to {max(wers):.2f} % in {len(wers)} systems"
    return judged(max(wers) - min(wers) <= MAX_WER_SPREAD, figure)
