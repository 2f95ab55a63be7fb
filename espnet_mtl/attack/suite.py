"""Several attacks one after another, of which each utterance keeps the worst."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch

from espnet_mtl.attack.methods.base import Method
from espnet_mtl.attack.problem import Attacked, Effort, Problem, finite
from espnet_mtl.metrics.wish import Heard
from espnet_mtl.results.record import Attempt, Doubled
from espnet_mtl.results.trial import Member


@dataclass(frozen=True)
class SuiteMember:
    """A member of a suite, and the batch with its attacker's loss."""

    about: Member
    method: Method
    problem: Problem

    def on(self, rows: torch.Tensor, start: torch.Tensor | None) -> "SuiteMember":
        """Return the member for some utterances, counting its effort from 0.

        Args:
            rows: Their numbers, (Rows,).
            start: Perturbations to start from, (Rows, Samples).
        """
        part = self.problem
        if len(rows) < len(part):
            part = part.rows(rows)
        part = replace(part, start=start, effort=Effort(len(rows)))
        return replace(self, problem=part)


def worst_case(members: Sequence[SuiteMember], doubled: bool = False) -> Attacked:
    """Find each utterance's worst case over several attacks.

    As for image classifiers (Croce & Hein 2020, arXiv 2003.01690, section 5), the
    attacks run one after another, and only utterances that still resist go on. Each
    attack may start from the best that those before it have found. Where the problems
    have a start already, from a smaller budget, what is heard in it is the first
    result, and what it breaks is not attacked any further. Broken is what has a cost
    of 0: of those who want other words than were said (``away``), the worst case is the
    one with the fewest right words, so they go on until none is left.

    Deviation: an attack on a transcript can succeed by parts. An utterance that resists
    all attacks keeps the one that left the lowest cost: of several the last that used
    gradients, else the first.

    Args:
        members: The attacks, in order.
        doubled: Whether those that use gradients go on in the end, from where they
            ended, to see what twice the gradients would change. What they find is told,
            but is not a part of the worst case.
    """
    tally = _Tally(members[0].problem)
    for member in members:
        rows = tally.everyone if member.about.everyone else tally.resisting
        if len(rows):
            tally.attempt(member, rows)
    if doubled:
        tally.double([one for one in members if one.about.kind == "white_box"])
    return tally.attacked()


class _Tally:
    """What each utterance went through so far."""

    def __init__(self, problem: Problem):
        clean = problem.ball.clean
        self.everyone = torch.arange(len(problem), device=clean.device)
        self._attempts: list[list[Attempt]] = [[] for _ in self.everyone]
        self._heard: list[str | None] = [None] * len(problem)
        self._doubled: list[Doubled | None] = [None] * len(problem)
        self._delta = torch.zeros_like(clean)
        self._onward = torch.zeros_like(clean)  # where the next attack goes on
        self._cost = clean.new_full((len(problem),), torch.inf)
        self._loss_start = clean.new_full((len(problem),), torch.nan)
        self._loss_end = self._loss_start.clone()
        if problem.start is not None:
            heard = problem.hear(problem.start)
            costs = problem.judge.cost(heard).to(self._cost)
            nearer = costs < self._cost
            self._keep(self.everyone, nearer, problem.start, costs, heard)
            self._onward = problem.start.clone()

    @property
    def resisting(self) -> torch.Tensor:
        """Numbers of the utterances that no attack has broken, (Rows,)."""
        return torch.nonzero(self._cost > 0)[:, 0]

    def attempt(self, member: SuiteMember, rows: torch.Tensor) -> None:
        """Run an attack on some utterances."""
        has_start = member.problem.start is not None or self._attempts[int(rows[0])]
        part = member.on(rows, self._onward[rows] if has_start else None)
        attacked, heard, costs = _run(part)
        for place, row in enumerate(rows.tolist()):
            self._attempts[row].append(_describe(part, attacked, costs, place))
        nearer = _nearer(part, costs, self._cost[rows])
        self._keep(rows, nearer, attacked.delta, costs, heard)
        self._onward[rows] = _goes_on_from(attacked, nearer, self._onward[rows])
        self._loss_start[rows[nearer]] = attacked.loss_start[nearer]
        self._loss_end[rows[nearer]] = attacked.loss_end[nearer]

    def _keep(
        self,
        rows: torch.Tensor,
        nearer: torch.Tensor,
        delta: torch.Tensor,
        costs: torch.Tensor,
        heard: Sequence[Heard],
    ) -> None:
        """Keep what ``nearer``, (Rows,), says comes nearer than all before."""
        self._cost[rows[nearer]] = costs[nearer]
        self._delta[rows[nearer]] = delta[nearer]
        for place in torch.nonzero(nearer)[:, 0].tolist():
            self._heard[int(rows[place])] = heard[place].text

    def double(self, members: Sequence[SuiteMember]) -> None:
        """Spend as many gradients again on what resists, apart from the worst case.

        An attack that gives up early, as it sees no progress, is run several times.
        """
        rows = self.resisting
        delta, cost = self._onward[rows], self._cost[rows]
        before = torch.tensor([self._gradients(row) for row in rows.tolist()])
        spent = torch.zeros_like(before)
        for turn in itertools.count():
            wanting = (cost > 0) & (spent < before).to(cost.device)
            if not wanting.any():
                break
            for member in members:
                still = torch.nonzero(wanting & (cost > 0))[:, 0]
                if not len(still):
                    break
                part = member.on(rows[still], delta[still])
                part = replace(part, problem=part.problem.elsewhere("doubled", turn))
                attacked, _, costs = _run(part)
                nearer = _nearer(part, costs, cost[still])
                delta[still] = _goes_on_from(attacked, nearer, delta[still])
                cost[still] = torch.minimum(costs, cost[still])
                spent[still.cpu()] += _effort(part).gradients
        for place, row in enumerate(rows.tolist()):
            self._doubled[row] = Doubled(
                gradients=int(before[place]),
                more_gradients=int(spent[place]),
                cost=float(cost[place]),
                cost_before=float(self._cost[row]),
                success=bool(cost[place] == 0),
            )

    def _gradients(self, row: int) -> int:
        """Count what attacks with gradients have spent on an utterance."""
        attempts = self._attempts[row]
        return sum(one.gradients for one in attempts if one.kind == "white_box")

    def attacked(self) -> Attacked:
        """Return the worst cases."""
        return Attacked(
            self._delta,
            self._loss_start,
            self._loss_end,
            heard=self._heard,
            attempts=[tuple(one) for one in self._attempts],
            doubled=self._doubled,
        )


def _run(part: SuiteMember) -> tuple[Attacked, list[Heard], torch.Tensor]:
    """Run an attack; return what it found, what is heard in it, and its cost."""
    attacked = part.method(part.problem)
    heard = part.problem.hear(attacked.delta)
    costs = part.problem.judge.cost(heard).to(part.problem.ball.radius)
    return attacked, heard, costs


def _nearer(part: SuiteMember, costs: torch.Tensor, held: torch.Tensor) -> torch.Tensor:
    """Say which results count instead of those held, by their costs; (Rows,).

    Costs are whole words, and mostly stay as they are while an attack with gradients
    still makes progress. So its result counts if it is as near, unless the goal was
    reached already: the larger budget goes on from there.
    """
    as_near = (costs == held) & (held > 0) & (part.about.kind == "white_box")
    return (costs < held) | as_near


def _goes_on_from(
    attacked: Attacked, nearer: torch.Tensor, held: torch.Tensor
) -> torch.Tensor:
    """Return where the next attack goes on, instead of where it was, (Rows, Samples).

    By the loss, where the attack says where that is lowest: what came nearest to the
    goal may be an accident on the way.
    """
    if attacked.lowest is not None:
        return attacked.lowest
    return torch.where(nearer[:, None], attacked.delta, held)


def _effort(part: SuiteMember) -> Effort:
    assert part.problem.effort is not None
    return part.problem.effort


def _describe(
    part: SuiteMember, attacked: Attacked, costs: torch.Tensor, place: int
) -> Attempt:
    about, effort, cost = part.about, _effort(part), float(costs[place])
    return Attempt(
        attack=about.attack,
        attacker=about.attacker,
        kind=about.kind,
        loss=finite(attacked.loss_end[place]),
        cost=cost,
        success=cost == 0,
        gradients=int(effort.gradients[place]),
        decodings=int(effort.decodings[place]),
    )
