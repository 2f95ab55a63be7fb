"""Gates of the audit: can the model be attacked as it is?"""

import math
from collections.abc import Iterable

from espnet_mtl.report.audit.evidence import Evidence
from espnet_mtl.report.audit.gate import (
    AGAIN,
    Finding,
    gate,
    judged,
    not_run,
    standard_or,
)
from espnet_mtl.results.record import MOST_REPEAT_DIFFERENCE, Health

# Sound recognisers leave a few samples without a gradient: those beyond the last frame,
# or under the ends of a window, where that is 0. A front end that clips or saturates
# leaves most.
MOST_ZERO = 10.0  # percent
MOST_WORSE = 1.0  # points of WER


@gate(
    title="gradients at the start are finite and not zero, also those of each branch "
    f"that the decoder listens to (≤ {MOST_ZERO:g} % of the samples without)",
    failure="Some utterances, or one of the branches that the decoder listens to, give "
    "the attack no direction to go, and look robust for that reason alone.",
)
def gradients(evidence: Evidence) -> Finding:
    health, lacking = _health(evidence)
    if not health:
        return not_run("gradients not looked at", standard_or(evidence, AGAIN))
    finite = sum(one.gradient_finite for one in health)
    zero = sum(one.gradient_finite and not one.gradient_l1 for one in health)
    shares = {"": _most(one.gradient_zero_share for one in health)}
    unknown: list[str] = []
    decoder = evidence.run.decoder if evidence.run else None
    for branch in decoder.branches if decoder else ():
        looked = [one.branch_zero_shares for one in health]
        unknown += [branch] if any(branch not in one for one in looked) else []
        shares[f" in {branch}"] = _most(one.get(branch, 0.0) for one in looked)
    where, most = max(shares.items(), key=lambda one: one[1])
    figure = f"{finite} of {len(health)} finite, {zero} zero, "
    figure += f"at most {most:.1f} % of the samples without{where}"
    if finite < len(health) or zero or most > MOST_ZERO:
        return judged(False, figure)
    if lacking:
        return not_run(f"{lacking} of {lacking + len(health)} not looked at", AGAIN)
    if decoder is None:
        return not_run(
            f"{figure}; not known which branches the decoder listens to",
            standard_or(evidence, AGAIN),
        )
    if unknown:
        return not_run(f"gradients of {', '.join(unknown)} not looked at", AGAIN)
    return judged(True, figure)


def _most(shares: Iterable[float]) -> float:
    return 100.0 * max(shares, default=0.0)


@gate(
    title="the model answers alike when it is asked twice, and one 16-bit level apart",
    failure="The model answers differently when it is asked again, or when nothing has "
    "changed that could be heard: an attack on one answer says little about the next. "
    "Switch off what is random in it. Where that is the defence, let the attack "
    "average (`eot`), and take the figures for what one attack has reached.",
)
def repeats(evidence: Evidence) -> Finding:
    """The same input, and one that differs by one level of one sample.

    There, the loss may differ by what its gradient explains, no more and no less; a
    transcript that is as likely as another one may change in one utterance of a
    hundred.
    """
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
    apart = max(
        math.inf if one.unexplained is None else one.unexplained for one in known
    )
    heard_apart = sum(not one.heard_level for one in known)
    figure = (
        f"loss differs by {loss:.1g}, text in {heard} of {len(known)}; one level "
        f"apart, loss by {apart:.1g} off what its gradient says, text in {heard_apart}"
    )
    passed = (
        max(loss, apart) <= MOST_REPEAT_DIFFERENCE
        and not heard
        and heard_apart <= max(1, len(known) // 100)
    )
    if passed and lacking:
        return not_run(f"{lacking} of {lacking + len(known)} not asked twice", AGAIN)
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


_WHOLE = "decode and score the whole set without an attack (stages 12 and 13)"


@gate(
    title="benign WER of the whole set at most a point above that of the systems it is "
    "compared with",
    failure="A worse recogniser resists targets better through its own errors: what it "
    "seems to be ahead of these systems is not robustness alone.",
)
def benign_wer(evidence: Evidence) -> Finding:
    """This system hears as well as those that its figures are compared with.

    Only the worse one of a pair fails: its errors look like robustness. The better one
    is as good as it seems; what it is compared with is not.
    """
    if not evidence.compared:
        return not_run(
            "one system with figures",
            "give the report several systems (`asr_mtl_report --exp`)",
        )
    pair = [evidence, *evidence.compared]
    lacking = [one.label for one in pair if one.whole_wer is None]
    if evidence.whole_wer is None or len(lacking) == len(evidence.compared):
        return not_run(f"no scores of the whole set: {', '.join(lacking)}", _WHOLE)
    wers = [(one.whole_wer, one.label) for one in pair[1:] if one.whole_wer is not None]
    wer, (best, name) = evidence.whole_wer, min(wers)
    figure = f"{wer:.2f} %, best of the others: {name} {best:.2f} %"
    if wer - best > MOST_WORSE:
        return judged(False, figure)
    if lacking:
        return not_run(f"{figure}; not scored: {', '.join(lacking)}", _WHOLE)
    return judged(True, figure)
