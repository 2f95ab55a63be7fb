"""Gate of the audit: is the accent branch of no help because of the attack alone?"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import mean

from espnet_mtl.metrics.binomial import BY_CHANCE, fisher_exact, sign_test
from espnet_mtl.report.attack_settings import OF_THE_SYSTEM
from espnet_mtl.report.audit.evidence import (
    ACCENT_SUFFIXES,
    Evidence,
    Level,
    follows_loss,
    is_broken,
)
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
from espnet_mtl.report.norms import budget_name
from espnet_mtl.results.audit import GateVerdict
from espnet_mtl.results.trial import Member

# Below twice as much, which `steps` shows to break hardly more
MOST_EFFORT = 1.5

_UNTRIED = (
    "No attacker who ignores the accent branch was tried: give the attack one with "
    "`accent: 0`. Robustness against attackers who also attack the accent branch is "
    "not enough."
)
_SPENT = (
    "On utterances that resist on both, more gradients were spent on one of the twins: "
    "what resists longer on the other may do so for want of gradients. Give the attack "
    "as many for all."
)
_GAINED = (
    "Twice the gradients break more on one of the twins than chance explains: there "
    "the attack had further to go, so its figure is too high beside that of the other. "
    "Give both more `steps`."
)


@gate(
    title="attacked by who ignores the accent branch, as hard as the twin without one: "
    "same schedule, gradients on what resists within a factor of "
    f"{MOST_EFFORT:g}, no more left to gain",
    failure="The system and its twin without an accent branch were not attacked with "
    "the same effort: what differs between them may be the attack and not the system. "
    "Repeat stages 15 to 18 of both with the same configuration.",
    needs_target=True,
)
def accent_blind(evidence: Evidence) -> Finding:
    """Who ignores the accent branch was tried, as hard as on the twin.

    Three things have to be alike on both:

    - The schedule: attacks, their settings, and on whom.
    - What was spent on the same utterance, at the same budget, where it resisted both
      times. An attack that ends by itself may spend less on one of them; but not by
      more than ``MOST_EFFORT`` on average, if all of that goes one way (exact sign
      test).
    - What the attack has left: pairs of utterance and budget that twice the gradients
      break. Fisher's exact test tells whether more of one system's are left than of
      the other's.

    Utterances that an attack breaks need no more of it, so what was spent on those is
    not compared. How many were broken stands side by side, and is not judged: that is
    what the two systems are compared for.
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
    return _compare(_read(evidence), _read(twin), standard_or(evidence, AGAIN))


@dataclass(frozen=True)
class _Outcome:
    """What came of the attack on one system.

    Attributes:
        broken: How many utterances each budget breaks, and of how many.
        spent: Gradients on each utterance that resisted, by level and utterance.
        gained: Pairs of utterance and budget that twice the gradients have broken;
            ``None`` where they were not tried at every budget.
        lacking: Pairs that resisted, of which it is not recorded what was spent.
    """

    label: str
    broken: list[tuple[int, int]]
    spent: dict[tuple[Level, str], int]
    gained: int | None
    lacking: int

    @property
    def pairs(self) -> int:
        """All pairs of utterance and budget."""
        return sum(every for _, every in self.broken)

    def show_broken(self) -> str:
        """Write how many utterances were broken: ``25, 60, 64 of 64``."""
        counts = ", ".join(str(count) for count, _ in self.broken)
        return f"{counts} of {max(every for _, every in self.broken)}"


def _read(evidence: Evidence) -> _Outcome:
    broken, gained, lacking = [], 0, 0
    spent: Counter[tuple[Level, str]] = Counter()
    for level in evidence.levels:
        pairs = [
            pair
            for row in evidence.targeted_at(level)
            for pair in evidence.feasible(row)
        ]
        every = {score.utt for score, _ in pairs}
        lost = {score.utt for score, record in pairs if is_broken(score, record)}
        broken.append((len(lost), len(every)))
        for score, record in pairs:
            if score.utt in lost:
                continue
            if record is None or record.attempts is None:
                lacking += 1
                continue
            gained += bool(record.doubled and record.doubled.success)
            spent[level, score.utt] += sum(
                one.gradients for one in record.attempts if one.kind == "white_box"
            )
    is_doubled = all(row.doubled for row in evidence.targeted)
    return _Outcome(
        evidence.label, broken, dict(spent), gained if is_doubled else None, lacking
    )


def _compare(mine: _Outcome, twin: _Outcome, how: str) -> Finding:
    """Compare twins that were attacked by the same schedule."""
    figure = (
        f"same schedule as {twin.label}; broken {mine.show_broken()}, "
        f"of {twin.label} {twin.show_broken()}"
    )
    if mine.lacking or twin.lacking:
        return not_run(f"{figure}; gradients spent on them not recorded", how)
    both = [pair for pair in mine.spent if pair in twin.spent]
    effort: GateVerdict = PASS
    if both:
        figure += f"; gradients on each of {len(both)} that resist on both: "
        spent = [[one.spent[pair] for pair in both] for one in (mine, twin)]
        figure += f"{mean(spent[0]):.0f}, of {twin.label} {mean(spent[1]):.0f}"
        effort = _judge_effort(*spent)
    if effort == FAIL:
        return judged(False, figure, _SPENT)
    if mine.gained is not None and twin.gained is not None:
        figure += f"; twice as many break {mine.gained} more, of {twin.label} "
        figure += str(twin.gained)
        chance = fisher_exact(mine.gained, mine.pairs, twin.gained, twin.pairs)
        if chance < BY_CHANCE:
            return judged(False, figure, _GAINED)
    if effort == NOT_RUN:
        return not_run(f"{figure}: too few to compare effort", MORE_UTTERANCES)
    return judged(True, figure)


def _judge_effort(mine: Sequence[int], twin: Sequence[int]) -> GateVerdict:
    """Compare what was spent on the same utterances, pair by pair."""
    least, most = sorted((sum(mine), sum(twin)))
    if most <= MOST_EFFORT * least:
        return PASS
    more = sum(one > other for one, other in zip(mine, twin, strict=True))
    fewer = sum(one < other for one, other in zip(mine, twin, strict=True))
    return FAIL if sign_test(more, fewer) < BY_CHANCE else NOT_RUN


def _has_accent(evidence: Evidence) -> bool:
    """Whether there is an accent branch, also where no accents were decoded."""
    if evidence.twin and evidence.system.endswith(ACCENT_SUFFIXES):
        return True
    measured = any(row.accent_acc is not None for row in evidence.result.rows)
    members = (member for row in evidence.targeted for member in row.members)
    return measured or any(member.weights.get("accent") for member in members)


def _is_blind(member: Member) -> bool:
    """Whether an attacker who follows gradients spends nothing on the accent."""
    return follows_loss(member) and not member.weights.get("accent")


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
    settings = [
        f"{name}={value}"
        for name, value in sorted(member.settings.items())
        if name not in OF_THE_SYSTEM
    ]
    whom = ["everyone"] if member.everyone else []
    about = ", ".join([*whom, *settings])
    return f"{member.attack} ({about})" if about else member.attack
