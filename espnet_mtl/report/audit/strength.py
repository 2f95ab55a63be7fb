"""Gates of the audit: is the attack as strong as an attack can be?"""

from collections.abc import Iterable, Sequence

from espnet_mtl.metrics.binomial import lower_bound, upper_bound
from espnet_mtl.report.audit.evidence import Evidence, is_broken
from espnet_mtl.report.audit.gate import (
    AGAIN,
    FAIL,
    MORE_UTTERANCES,
    NOT_RUN,
    PASS,
    Finding,
    gate,
    judged,
    not_run,
    standard_or,
)
from espnet_mtl.report.norms import budget_name, strength
from espnet_mtl.report.table import counted
from espnet_mtl.results.attack_scores import Row
from espnet_mtl.results.audit import GateVerdict
from espnet_mtl.results.record import Doubled

LEAST_UNBOUNDED = 99.0


@gate(
    title=f"unbounded attack succeeds (≥ {LEAST_UNBOUNDED:g} %)",
    failure="Even without a bound the target is not reached: the attack is broken or "
    "the gradients are masked. Little success in a small budget then shows nothing.",
)
def unbounded(evidence: Evidence) -> Finding:
    rows = [row for row in evidence.result.rows if row.attack == "unbounded"]
    rates = [row.success_rate for row in rows if row.success_rate is not None]
    if not rates:
        how = "give the suite `unbounded: 75`, its steps for each bound"
        return not_run("no unbounded attack", standard_or(evidence, how))
    rate = min(rates)
    worst = rows[rates.index(rate)]
    figure = f"{rate:.1f} % of {worst.n}"
    if worst.snr_db is not None:
        figure += f", SNR {worst.snr_db:.1f} dB"
    return judged(rate >= LEAST_UNBOUNDED, figure, evidence.bad_recogniser)


MOST_GAIN = 0.01  # of all pairs of utterance and budget: a point of success
SURE_GAIN = 0.002  # below it, what was broken may be a lucky pair or two
LEAST_PAIRS = 100  # one pair weighs a point at most


def judge_doubling(newly: int, n: int) -> GateVerdict:
    """Tell whether twice the gradients still break more.

    The gain is a share, ``newly`` of ``n`` pairs of utterance and budget, and small
    counts say little about it. So there are three answers:

    - FAIL: at least ``MOST_GAIN`` was gained, and the exact lower bound (one-sided,
      95 %) is above ``SURE_GAIN``. Of 100 pairs two are enough for that, of 192 three.
      A gain that is surely above ``MOST_GAIN`` is not asked for: attacks that have not
      converged could then hide behind few utterances.
    - PASS: less than ``MOST_GAIN`` was gained, of at least ``LEAST_PAIRS``: of fewer,
      a single pair would be a point or more, and none says nothing.
    - NOT RUN: ``n`` is too small to tell.
    """
    gain = newly / n
    if gain >= MOST_GAIN and lower_bound(newly, n) > SURE_GAIN:
        return FAIL
    return PASS if gain < MOST_GAIN and n >= LEAST_PAIRS else NOT_RUN


@gate(
    title=f"twice the gradients break < {100 * MOST_GAIN:g} point more (pairs of "
    f"utterance and budget, from {LEAST_PAIRS} on)",
    failure="Twice the gradients still broke more: the attack had not converged, and "
    "with more steps yet the system is less robust than reported. Copy the attack's "
    "configuration under another name, and give it more `steps`; where about half of "
    "the utterances are broken, that may break more without an end, and the figure "
    "stays an upper bound.",
    needs_target=True,
)
def steps(evidence: Evidence) -> Finding:
    """After the whole suite, as many gradients again break hardly more.

    They are not in the reported figure. Budgets are judged together, since one alone
    has few utterances, and a gain at a single one fails as well: it must not be hidden
    by others at which everything is broken, or nothing can be. How much nearer they
    come to what still resists is shown and not judged: what has no hope of being broken
    may always end a word nearer, and is not less robust for it.
    """
    rows = [row for row in evidence.targeted if row.doubled]
    if not rows:
        how = standard_or(evidence, "give the suite `doubled: true`")
        return not_run("steps not doubled", how)
    pairs = [pair for row in rows for pair in evidence.feasible(row)]
    if not any(record for _, record in pairs):
        return not_run("records of the attack not there", AGAIN)
    doubled = [record.doubled for _, record in pairs if record and record.doubled]
    newly, n = sum(one.success for one in doubled), len(pairs)
    figure = f"{newly} of {n}, at most {100 * upper_bound(newly, n):.1f} points (95 %)"
    at_one = _gain_at_one(evidence, rows)
    figure += at_one + _words_to_go(doubled)
    verdict = judge_doubling(newly, n)
    if verdict == FAIL or at_one:
        return judged(False, figure)
    resisting = [
        record.doubled if record else None
        for score, record in pairs
        if not is_broken(score, record)
    ]
    lacking = sum(not _is_doubled(one) for one in resisting)
    if lacking:
        return not_run(f"steps not doubled for {lacking} that resist", _DOUBLED)
    if verdict == NOT_RUN and resisting:
        return not_run(f"{figure}: too few to tell", MORE_UTTERANCES)
    return judged(True, figure)


def _gain_at_one(evidence: Evidence, rows: Iterable[Row]) -> str:
    """Say at which budgets alone too much was gained; empty if at none."""
    said = []
    for row in rows:
        pairs = list(evidence.feasible(row))
        newly = sum(
            bool(record and record.doubled and record.doubled.success)
            for _, record in pairs
        )
        if newly and judge_doubling(newly, len(pairs)) == FAIL:
            where = budget_name(row.norm, row.budget)
            said.append(f", {newly} of {len(pairs)} at {where}")
    return "".join(said)


def _is_doubled(doubled: Doubled | None) -> bool:
    """Whether there were as many gradients again, as far as they were needed."""
    if doubled is None:
        return False
    return doubled.success or 0 < doubled.gradients <= doubled.more_gradients


def _words_to_go(doubled: Sequence[Doubled]) -> str:
    """Say how far from their targets those are that still resist."""
    rest = [one for one in doubled if not one.success]
    if not rest:
        return ""
    before, after = (
        sum(costs) / len(rest)
        for costs in ([one.cost_before for one in rest], [one.cost for one in rest])
    )
    return f"; {len(rest)} still resist, {before:.2f} words away, then {after:.2f}"


_DOUBLED = (
    "attack again (stages 15 to 18) with `doubled: true`; if this stays, no part of "
    "the attack has gradients to go on with: give it one, such as chain"
)
_NOISE = "give the attack `controls: [clean, noise]`"
_LOUD = (
    "give the suite `black_box: {times: 8, queries: 1000, transcripts: 100}`, black "
    "boxes with many queries at a larger budget"
)
MOST_NEARER = 2.0
NEARER_WORDS = 1
LEAST_QUERIES = 500  # of black boxes that are to have a chance
MOST_BROKEN_ELSEWHERE = 0.2  # as AutoAttack's: Croce & Hein 2020, flags


@gate(
    title="white-box at least as strong as noise, transfer and black-box, per "
    f"utterance (without gradients ≤ {MOST_NEARER:g} % nearer by more than "
    f"{NEARER_WORDS} word, ≤ {MOST_BROKEN_ELSEWHERE:g} % broken), and as black boxes "
    "with many queries at a larger budget",
    failure="Attacks that know less do better than the one with gradients: it does not "
    "use them well, or the gradients are masked.",
    needs_target=True,
)
def white_box(evidence: Evidence) -> Finding:
    """The attack that knows the gradients comes nearer than all that do not.

    For each utterance and budget, the fewest word edits to the target are compared.
    Where nothing comes near, an attack that counts edits may end one word nearer than
    one that lowers a loss: that much is allowed, and by chance more in a few
    utterances. Breaking what gradients do not break is hardly ever allowed.

    Few queries at a small budget win against nobody. So there is a trial of its own, at
    a budget many times as large, where gradients go first and black boxes with many
    queries attack what they leave: they must not break any of it.
    """
    pairs = [
        pair
        for level in evidence.levels
        for pair in _nearest(
            evidence, evidence.targeted_at(level), evidence.controls_at(level)
        )
    ]
    if not pairs:
        return not_run("nothing to compare with", standard_or(evidence, AGAIN))
    nearer, clearly, broken = _won(pairs)
    figure = (
        f"of {len(pairs)}, without gradients {nearer} nearer, {clearly} by more than "
        f"{NEARER_WORDS} word, {broken} broken"
    )
    loud = [
        row
        for row in evidence.result.of("audit")
        if row.attack == "black_box" and _can_win(evidence, row)
    ]
    loud_pairs = _nearest(evidence, loud, [])
    loud_broken = 0
    if loud_pairs:
        *_, loud_broken = _won(loud_pairs)
        figure += (
            f"; of {len(loud_pairs)} at {budget_name(loud[0].norm, loud[0].budget)}, "
            f"gradients broke {sum(white == 0 for white, _ in loud_pairs)}, and black "
            f"boxes {loud_broken} of the rest"
        )
    shares = [100.0 * count / len(pairs) for count in (clearly, broken)]
    if (
        shares[0] > MOST_NEARER
        or shares[1] > MOST_BROKEN_ELSEWHERE
        or 100.0 * loud_broken > MOST_BROKEN_ELSEWHERE * len(loud_pairs)
    ):
        return judged(False, figure, evidence.bad_recogniser)
    lacking = {}
    if not all(evidence.controls_at(level) for level in evidence.levels):
        lacking["noise"] = _NOISE
    if not loud_pairs:
        name = "black box at a larger budget"
        lacking[name] = standard_or(evidence, AGAIN if loud else _LOUD)
    if lacking:
        return not_run(
            f"{figure}; no {', no '.join(lacking)}", " and ".join(lacking.values())
        )
    kinds = {member.kind for row in evidence.targeted for member in row.members}
    return judged(True, figure if "transfer" in kinds else f"{figure}; no transfer")


def _can_win(evidence: Evidence, row: Row) -> bool:
    """Whether black boxes have a chance: a larger budget than all, and many queries."""
    loudness = strength(row.norm, row.budget)
    same_norm = [budget for norm, budget in evidence.levels if norm == row.norm]
    is_larger = all(strength(row.norm, budget) < loudness for budget in same_norm)
    queries = [
        member.settings.get("queries", 0)
        for member in row.members
        if member.kind == "black_box"
    ]
    return is_larger and max(queries, default=0) >= LEAST_QUERIES


def _won(pairs: Sequence[tuple[float, float]]) -> tuple[int, int, int]:
    """Count where attacks without gradients are nearer, clearly so, and there alone."""
    return (
        sum(other < white for white, other in pairs),
        sum(other + NEARER_WORDS < white for white, other in pairs),
        sum(other == 0 < white for white, other in pairs),
    )


def _nearest(
    evidence: Evidence, rows: Iterable[Row], controls: Iterable[Row]
) -> list[tuple[float, float]]:
    """Fewest edits of each utterance: with gradients, and without."""
    white: dict[str, float] = {}
    other: dict[str, float] = {}

    def offer(knows_gradients: bool, utt: str, edits: float) -> None:
        table = white if knows_gradients else other
        table[utt] = min(edits, table.get(utt, edits))

    for row in rows:
        kinds = {member.kind for member in row.members}
        for score, record in evidence.feasible(row):
            attempts = record.attempts if record else None
            for one in attempts or ():
                offer(one.kind == "white_box", score.utt, one.cost)
            if attempts == () and score.success:
                # With a smaller budget, where it was counted who broke it
                offer(True, score.utt, 0.0)
            if not attempts and len(kinds) == 1:
                offer("white_box" in kinds, score.utt, score.edits_target)
    for row in controls:
        for score, _ in evidence.feasible(row):
            offer(False, score.utt, score.edits_target)
    # What is broken with gradients needs no comparison: nothing can come nearer.
    compared = [utt for utt in white if utt in other or white[utt] == 0]
    return [(white[utt], other.get(utt, white[utt])) for utt in compared]


MOST_FROM_NULL = 5.0
# A word then weighs a point at most, so that one word more or less cannot decide.
LEAST_WORDS = 100


@gate(
    title=f"noise stays near the null value (≤ {MOST_FROM_NULL:g} points; from "
    f"{LEAST_WORDS} target words on)",
    failure="Noise of the same loudness already changes what is heard, so the figures "
    "do not show what the attack does. Give smaller `budgets`.",
    needs_target=True,
)
def noise(evidence: Evidence) -> Finding:
    found = [
        (
            abs(row.adv_twer - row.null_twer),
            level,
            sum(score.words_target for score, _ in evidence.feasible(row)),
        )
        for level in evidence.levels
        for row in evidence.controls_at(level)
        if row.attack in ("noise", "gaussian")
        and row.adv_twer is not None
        and row.null_twer is not None
    ]
    words = min((words for *_, words in found), default=LEAST_WORDS)
    if words < LEAST_WORDS:
        return not_run(
            f"{counted(words, 'target word')}: too few to tell "
            f"{MOST_FROM_NULL:g} points (≥ {LEAST_WORDS})",
            MORE_UTTERANCES,
        )
    looked = {level for _, level, _ in found}
    missing = [level for level in evidence.levels if level not in looked]
    nothing = (0.0, evidence.levels[0], 0)
    worst, where, _ = max(found, default=nothing, key=lambda one: one[0])
    if worst <= MOST_FROM_NULL and missing:
        return not_run(f"no noise at {budget_name(*missing[0])}", _NOISE)
    figure = f"{worst:.1f} points from null at {budget_name(*where)}"
    return judged(worst <= MOST_FROM_NULL, figure)
