"""The smallest budget that breaks each utterance: ascend, then bisect."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch

from espnet_mtl.attack.balls import UNBOUNDED
from espnet_mtl.attack.config import CurveConfig
from espnet_mtl.attack.problem import Attacked, Effort
from espnet_mtl.attack.quantise import FULL_SCALE, FileFormat
from espnet_mtl.attack.suite import SuiteMember
from espnet_mtl.results.record import Smallest


@dataclass(frozen=True)
class Found:
    """What was found with one budget.

    Attributes:
        budget: In the norm's own unit.
        radius: Of each utterance's ball, (Batch,).
        delta: The best perturbation in it, (Batch, Samples).
    """

    budget: float
    radius: torch.Tensor
    delta: torch.Tensor


def find_smallest(
    member: SuiteMember,
    found: Sequence[Found],
    curve: CurveConfig,
    file: FileFormat,
    norm: str,
) -> Attacked:
    """Find the smallest budget that breaks each utterance, by bisection.

    What was found with the budgets of a grid tells between which two of them the
    smallest is. Between these, the attack tries their geometric mean, again and again,
    until they are near each other. It starts from the perturbation that worked with the
    larger one, projected onto the smaller ball: the search for minimal perturbations of
    Carlini & Wagner 2017 (arXiv 1608.04644, section VI.D) turns the bound down in the
    same way. A budget that resisted before any had worked is tried once more from
    there, before it counts as the one that does not break.

    Deviation: budgets rise first, from the smallest of the grid on, since what is found
    in a small ball is the best start in a larger one.

    Args:
        member: The attack, in the ball of any of the budgets.
        found: The grid, from weak to strong.
        curve: How far to search, and how finely.
        file: What a file can hold.
        norm: That of the budgets; see :func:`~espnet_mtl.attack.balls.make_ball`.

    Returns:
        The smallest perturbations that work; where none does, those that come nearest.
    """
    search = _Search(member, found, file, norm)
    while True:
        radius = search.next_radius(curve)
        rows = torch.nonzero(radius > 0)[:, 0]
        if not len(rows):
            return search.attacked()
        search.attempt(rows, radius[rows])


class _Search:
    """Between which two radii the smallest of each utterance is, so far."""

    def __init__(
        self,
        member: SuiteMember,
        found: Sequence[Found],
        file: FileFormat,
        norm: str,
    ):
        self._member = member
        self._file = file
        self._unit = found[-1]
        self._norm = norm
        self._weakest, self._strongest = found[0].radius, found[-1].radius
        size = len(member.problem)
        self._resisted = torch.zeros_like(self._weakest)
        self._broken = torch.full_like(self._weakest, torch.inf)
        self._cost = torch.full_like(self._weakest, torch.inf)
        self._delta = torch.zeros_like(member.problem.ball.clean)
        self._heard: list[str | None] = [None] * size
        self._effort = Effort(size)
        self._tried: list[dict[float, float]] = [{} for _ in range(size)]
        # Radii that were tried from a perturbation that works in a larger ball
        self._tried_down: list[set[float]] = [set() for _ in range(size)]
        rows = torch.arange(size, device=self._weakest.device)
        for one in found:
            problem = replace(member.problem, effort=self._effort)
            heard = problem.hear(one.delta)
            costs = problem.judge.cost(heard).to(self._cost)
            self._update(rows, one.radius, one.delta, costs, [h.text for h in heard])

    def next_radius(self, curve: CurveConfig) -> torch.Tensor:
        """Return the radius to try next for each utterance, 0 for none, (Batch,)."""
        low, high = self._resisted, self._broken
        up = torch.where(
            low * 1.999 < self._strongest * 2.0**curve.doublings, low * 2.0, 0.0
        )
        lowest = self._weakest * 0.5**curve.halvings
        down = torch.where(
            high > 1.001 * lowest, torch.maximum(high / 2.0, lowest), 0.0
        )
        if self._norm == "linf":
            up = up.clamp(max=UNBOUNDED)
        is_between = (low > 0) & high.isfinite() & (high > curve.within * low)
        between = torch.where(is_between, (low * high).sqrt(), 0.0)
        radius = torch.where(low > 0, between, down)
        radius = self._savable_radius(torch.where(high.isinf(), up, radius))
        # The mean of two levels of 16-bit audio with one between is rounded to the
        # lower, which has been tried.
        next_level = self._savable_radius(low + 1.0 / FULL_SCALE)
        radius = torch.where(is_between & (radius <= low), next_level, radius)
        is_new = (radius > low) & (radius < high)
        again = (low > 0) & high.isfinite() & ~self._was_tried_down(low)
        return torch.where(is_new, radius, torch.where(again, low, 0.0))

    def _was_tried_down(self, radius: torch.Tensor) -> torch.Tensor:
        """Tell which radii were tried from what works in a larger ball, (Batch,)."""
        pairs = zip(radius.tolist(), self._tried_down, strict=True)
        return torch.tensor([one in tried for one, tried in pairs]).to(radius.device)

    def _savable_radius(self, radius: torch.Tensor) -> torch.Tensor:
        """Return what a file can hold of radii, (Batch,)."""
        return self._file.ball(self._member.problem.ball.with_radius(radius)).radius

    def attempt(self, rows: torch.Tensor, radius: torch.Tensor) -> None:
        """Attack some utterances, each in a ball of its own radius."""
        part = self._member.on(rows, None)
        ball = self._file.ball(part.problem.ball.with_radius(radius))
        start = ball.project_(self._delta[rows].clone())
        effort = self._effort.rows(rows)
        # The attack hears what a file in this ball holds: in that of the trial, it
        # would hear audio that this budget does not allow.
        judge = part.problem.judge.within(ball)
        problem = replace(
            part.problem, ball=ball, start=start, effort=effort, judge=judge
        )
        part = replace(part, problem=problem)
        attacked = part.method(part.problem)
        delta = self._file.batch(ball, attacked.delta) - ball.clean
        heard = part.problem.hear(delta)
        costs = part.problem.judge.cost(heard).to(self._cost)
        texts = [one.text for one in heard]
        for row, one in zip(rows.tolist(), ball.radius.tolist(), strict=True):
            if self._broken[row].isfinite():
                self._tried_down[row].add(one)
        self._update(rows, ball.radius, delta, costs, texts)

    def _update(
        self,
        rows: torch.Tensor,
        radius: torch.Tensor,
        delta: torch.Tensor,
        costs: torch.Tensor,
        heard: Sequence[str],
    ) -> None:
        # A perturbation smaller than its ball breaks the utterance in its own, too.
        needed = self._member.problem.ball.rows(rows).size(delta)
        needed = torch.where(needed > 0, torch.minimum(needed, radius), radius)
        for place, row in enumerate(rows.tolist()):
            cost = float(costs[place])
            is_broken = cost == 0
            size = float(needed[place] if is_broken else radius[place])
            tried = self._tried[row]
            tried[size] = min(cost, tried.get(size, cost))
            is_best = is_broken and size < self._broken[row]
            if is_best:
                self._broken[row] = size
            resisted = [
                one for one, left in tried.items() if left and one < self._broken[row]
            ]
            self._resisted[row] = max(resisted, default=0.0)
            nearer = self._broken[row].isinf() and cost <= self._cost[row]
            if is_best or nearer:
                self._cost[row] = cost
                self._delta[row] = delta[place]
                self._heard[row] = heard[place]

    def _budget(self, row: int, radius: float) -> float:
        """Return a radius of an utterance as a budget, in the norm's own unit."""
        if self._norm != "snr":
            return round(radius, 9)
        if not self._unit.radius[row]:  # silence has no louder ball
            return self._unit.budget
        ratio = radius / float(self._unit.radius[row])
        return round(self._unit.budget - 20.0 * math.log10(ratio), 6)

    def attacked(self) -> Attacked:
        """Return what was found."""
        nothing = torch.full_like(self._cost, torch.nan)
        return Attacked(
            self._delta,
            nothing,
            nothing,
            heard=self._heard,
            smallest=[self._describe(row) for row in range(len(self._tried))],
        )

    def _describe(self, row: int) -> Smallest:
        broken, resisted = float(self._broken[row]), float(self._resisted[row])
        tried = sorted(self._tried[row].items())
        return Smallest(
            budget=self._budget(row, broken) if math.isfinite(broken) else None,
            resisted=self._budget(row, resisted) if resisted else None,
            tried=tuple((self._budget(row, radius), cost) for radius, cost in tried),
            gradients=int(self._effort.gradients[row]),
            decodings=int(self._effort.decodings[row]),
        )
