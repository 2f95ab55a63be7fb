"""Gates of the audit: is the attack as strong as an attack can be?"""

from collections.abc import Iterable
from itertools import pairwise

from espnet_mtl.report.audit.evidence import Evidence, Level
from espnet_mtl.report.audit.gate import (
    AGAIN,
    PASS,
    Finding,
    gate,
    judged,
    not_run,
    standard_or,
)
from espnet_mtl.report.norms import budget_name, strength
from espnet_mtl.report.table import counted
from espnet_mtl.results.attack_scores import Row, UttScore
from espnet_mtl.results.record import Record

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


MOST_FALL = 1.0


@gate(
    title="success grows with the budget",
    failure="A larger budget contains the smaller one: an attack that gains nothing by "
    "it misses what is there.",
    needs_target=True,
)
def growth(evidence: Evidence) -> Finding:
    """Success never falls with the budget, and that of the best attacker grows.

    A weak attack, such as one of a single step, may be at 0 everywhere.
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
    grows = last > first or first == 100.0
    means = evidence.bad_recogniser or ("" if max(first, last) else _nothing(evidence))
    return judged(steady and grows, f"{'; '.join(figures)} %", means)


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


MOST_BROKEN_BY_STEPS = 1.0
MOST_LOSS_BY_STEPS = 1.0


@gate(
    title=f"twice the steps: < {MOST_BROKEN_BY_STEPS:g} point more success, loss lower "
    f"by < {MOST_LOSS_BY_STEPS:g} % of that at the start",
    failure="Twice the steps still broke more, or lowered the loss further: the attack "
    "had not converged, and with more steps yet the system may be less robust than "
    "reported.",
    needs_target=True,
)
def steps(evidence: Evidence) -> Finding:
    """Twice the steps break hardly more, and lower the loss hardly further.

    An attacker keeps the better of both, so a loss that has risen counts as unchanged.
    """
    every = [list(evidence.feasible(row)) for row in evidence.targeted if row.doubled]
    rows = [pairs for pairs in every if any(record for _, record in pairs)]
    if not every:
        how = standard_or(evidence, "give the suite `doubled: true`")
        return not_run("steps not doubled", how)
    if not rows:
        return not_run("records of the attack not there", AGAIN)
    doubled = [[r.doubled for _, r in pairs if r and r.doubled] for pairs in rows]
    broken = max(
        100.0 * sum(one.success for one in again) / len(pairs)
        for again, pairs in zip(doubled, rows, strict=True)
    )
    gains = [gain for pairs in rows if (gain := _loss_gain(pairs)) is not None]
    gain = max(gains, default=0.0)
    figure = f"+{broken:.1f} points, loss -{gain:.2f} %"
    if broken >= MOST_BROKEN_BY_STEPS or gain >= MOST_LOSS_BY_STEPS:
        return judged(False, figure)
    lacking = sum(
        not _broken(score, record) and not (record and record.doubled)
        for pairs in rows
        for score, record in pairs
    )
    if lacking:
        return not_run(f"steps not doubled for {lacking} that resist", _GRADIENTS)
    if not gains and any(not one.success for again in doubled for one in again):
        return not_run(
            "no loss was recorded", "find out why the loss is not finite (`gradients`)"
        )
    return judged(True, figure)


def _broken(score: UttScore, record: Record | None) -> bool:
    attempts = record.attempts if record else None
    return score.success or any(attempt.success for attempt in attempts or ())


def _loss_gain(pairs: Iterable[tuple[UttScore, Record | None]]) -> float | None:
    """How much lower the loss of those that still resist is, in percent."""
    gains, starts = [], []
    for _, record in pairs:
        again = record.doubled if record else None
        if again is None or again.success:
            continue
        before, start, loss = again.loss_before, again.loss_start, again.loss
        if before is not None and start is not None and loss is not None:
            gains.append(max(before - loss, 0.0))
            starts.append(start)
    total = abs(sum(starts))
    return 100.0 * sum(gains) / total if total > 0 else None


_GRADIENTS = "give the attack a part with gradients and `steps`, such as pgd"
_NOISE = "give the attack `controls: [clean, noise]`"
_COMPARED = (
    ("control", "noise", _NOISE),
    ("black_box", "black-box attack", "attack with square or transcript_search, too"),
)
MOST_NEARER = 2.0
NEARER_WORDS = 1
MOST_BROKEN_ELSEWHERE = 0.2  # as AutoAttack's: Croce & Hein 2020, flags


@gate(
    title="white-box at least as strong as noise, transfer and black-box, per "
    f"utterance (without gradients ≤ {MOST_NEARER:g} % nearer by more than "
    f"{NEARER_WORDS} word, ≤ {MOST_BROKEN_ELSEWHERE:g} % broken)",
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
    """
    pairs = [pair for level in evidence.levels for pair in _nearest(evidence, level)]
    if not pairs:
        return not_run("nothing to compare with", standard_or(evidence, AGAIN))
    nearer = sum(other < white for white, other in pairs)
    broken = sum(other == 0 < white for white, other in pairs)
    clearly = sum(other + NEARER_WORDS < white for white, other in pairs)
    figure = (
        f"of {len(pairs)}, without gradients {nearer} nearer, {clearly} by more than "
        f"{NEARER_WORDS} word, {broken} broken"
    )
    shares = [100.0 * count / len(pairs) for count in (clearly, broken)]
    if shares[0] > MOST_NEARER or shares[1] > MOST_BROKEN_ELSEWHERE:
        return judged(False, figure, evidence.bad_recogniser)
    kinds = {member.kind for row in evidence.targeted for member in row.members}
    if all(evidence.controls_at(level) for level in evidence.levels):
        kinds.add("control")
    lacking = {name: how for kind, name, how in _COMPARED if kind not in kinds}
    if lacking:
        how = " and ".join(lacking.values())
        return not_run(f"{figure}; no {', no '.join(lacking)}", how)
    return judged(True, figure if "transfer" in kinds else f"{figure}; no transfer")


def _nearest(evidence: Evidence, level: Level) -> list[tuple[float, float]]:
    """Fewest edits of each utterance: with gradients, and without."""
    white: dict[str, float] = {}
    other: dict[str, float] = {}

    def offer(knows_gradients: bool, utt: str, edits: float) -> None:
        table = white if knows_gradients else other
        table[utt] = min(edits, table.get(utt, edits))

    for row in evidence.targeted_at(level):
        kinds = {member.kind for member in row.members}
        for score, record in evidence.feasible(row):
            attempts = record.attempts if record else None
            for one in attempts or ():
                offer(one.kind == "white_box", score.utt, one.cost)
            if not attempts and len(kinds) == 1:
                offer("white_box" in kinds, score.utt, score.edits_target)
    for row in evidence.controls_at(level):
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
    "do not show what the attack does.",
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
            "attack more utterances (`--num_attack_utts`), or a larger set",
        )
    looked = {level for _, level, _ in found}
    missing = [level for level in evidence.levels if level not in looked]
    nothing = (0.0, evidence.levels[0], 0)
    worst, where, _ = max(found, default=nothing, key=lambda one: one[0])
    if worst <= MOST_FROM_NULL and missing:
        return not_run(f"no noise at {budget_name(*missing[0])}", _NOISE)
    figure = f"{worst:.1f} points from null at {budget_name(*where)}"
    return judged(worst <= MOST_FROM_NULL, figure)
