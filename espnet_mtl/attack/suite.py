"""Several attacks one after another, of which each utterance keeps the worst."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from espnet_mtl.attack.methods.base import Method
from espnet_mtl.attack.problem import Attacked, Problem, finite
from espnet_mtl.results.record import Attempt, Doubled
from espnet_mtl.results.trial import Member


@dataclass(frozen=True)
class SuiteMember:
    """A member of a suite, and the batch with its attacker's loss."""

    about: Member
    method: Method
    problem: Problem


def worst_case(members: Sequence[SuiteMember], doubled: bool = False) -> Attacked:
    """Find each utterance's worst case over several attacks.

    As for image classifiers (Croce & Hein 2020, arXiv 2003.01690, section 5), the
    attacks run one after another, and only utterances that still resist go on.

    Deviation: an attack on a transcript can succeed by parts. An utterance that resists
    all attacks keeps the one that left the lowest cost.

    Args:
        members: The attacks, in order.
        doubled: Whether the last of those that use gradients is run again with twice
            the steps on what resists in the end, as one more attack.
    """
    tally = _Tally(members[0].problem)
    for member in members:
        rows = tally.everyone if member.about.everyone else tally.resisting
        if len(rows):
            tally.attempt(member.about, member.method, member.problem, rows)
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
        self._cost = clean.new_full((len(problem),), torch.inf)
        self._loss_start = clean.new_full((len(problem),), torch.nan)
        self._loss_end = self._loss_start.clone()

    @property
    def resisting(self) -> torch.Tensor:
        """Numbers of the utterances that no attack has broken, (Rows,)."""
        return torch.nonzero(self._cost > 0)[:, 0]

    def attempt(
        self, about: Member, method: Method, problem: Problem, rows: torch.Tensor
    ) -> None:
        """Run an attack on some utterances."""
        if len(rows) < len(problem):
            problem = problem.rows(rows)
        attacked = method(problem)
        heard = problem.judge.hear(attacked.delta)
        costs = problem.judge.cost(heard)
        for place, row in enumerate(rows.tolist()):
            cost = float(costs[place])
            self._attempts[row].append(
                Attempt(
                    attack=about.attack,
                    attacker=about.attacker,
                    kind=about.kind,
                    loss=finite(attacked.loss_end[place]),
                    cost=cost,
                    success=cost == 0,
                )
            )
            if cost < self._cost[row]:
                self._cost[row] = cost
                self._delta[row] = attacked.delta[place]
                self._loss_start[row] = attacked.loss_start[place]
                self._loss_end[row] = attacked.loss_end[place]
                self._heard[row] = heard[place].text

    def double(self, members: Sequence[SuiteMember]) -> None:
        """Run the last attack that has steps with twice of them on what resists."""
        rows = self.resisting
        longer = [(one, method) for one in members if (method := one.method.doubled())]
        if not longer or not len(rows):
            return
        member, method = longer[-1]
        before = {
            row: self._last_loss(row, member.about.attacker) for row in rows.tolist()
        }
        self.attempt(member.about, method, member.problem, rows)
        with torch.no_grad():
            start = member.problem.loss(member.problem.ball.clean)
        for row, loss_before in before.items():
            last = self._attempts[row][-1]
            self._doubled[row] = Doubled(
                loss=last.loss,
                loss_before=loss_before,
                loss_start=finite(start[row]),
                cost=last.cost,
                success=last.success,
            )

    def _last_loss(self, row: int, attacker: str) -> float | None:
        losses = [
            attempt.loss
            for attempt in self._attempts[row]
            if attempt.kind == "white_box"
            and attempt.attacker == attacker
            and attempt.loss is not None
        ]
        return losses[-1] if losses else None

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
