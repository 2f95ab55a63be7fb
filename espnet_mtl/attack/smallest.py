"""The smallest budget that breaks each utterance: ascend, then bisect."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch

from espnet_mtl.attack.balls import UNBOUNDED, Ball
from espnet_mtl.attack.config import CurveConfig
from espnet_mtl.attack.problem import Attacked
from espnet_mtl.attack.quantise import FULL_SCALE
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
    savable: Callable[[Ball], Ball],
) -> Attacked:
    """Find the smallest budget that breaks each utterance, by bisection.

    What was found with the budgets of a grid tells between which two of them the
    smallest is. Between these, the attack tries their geometric mean, again and again,
    until they are near each other. It starts from the perturbation that worked with the
    larger one, projected onto the smaller ball: the search for minimal perturbations of
    Carlini & Wagner 2017 (arXiv 1608.04644, section VI.D) turns the bound down in the
    same way.

    Deviation: budgets rise first, from the smallest of the grid on, since what is found
    in a small ball is the best start in a larger one.

    Args:
        member: The attack, in the ball of any of the budgets.
        found: The grid, from weak to strong.
        curve: How far to search, and how finely.
        savable: Returns what a file can hold of a ball.

    Returns:
        The smallest perturbations that work; where none does, those that come nearest.
    """
    search = _Search(member, found, savable)
    for _ in range(_most_rounds(found, curve)):
        radius = search.next_radius(curve)
        rows = torch.nonzero(radius > 0)[:, 0]
        if not len(rows):
            break
        search.attempt(rows, radius[rows])
    return search.attacked()


def _most_rounds(found: Sequence[Found], curve: CurveConfig) -> int:
    """Return how many budgets may have to be tried."""
    radii = [float(one.radius.max()) for one in found]
    widest = max([2.0, *(b / a for a, b in zip(radii, radii[1:], strict=False) if a)])
    halvings = math.log2(math.log(widest) / math.log(curve.within))
    return curve.halvings + curve.doublings + max(1, math.ceil(halvings) + 1)


class _Search:
    """Between which two radii the smallest of each utterance is, so far."""

    def __init__(
        self,
        member: SuiteMember,
        found: Sequence[Found],
        savable: Callable[[Ball], Ball],
    ):
        self._member = member
        self._savable = savable
        self._unit = found[-1]
        self._norm_is_db = found[0].budget > found[-1].budget
        self._weakest, self._strongest = found[0].radius, found[-1].radius
        size = len(member.problem)
        self._resisted = torch.zeros_like(self._weakest)
        self._broken = torch.full_like(self._weakest, torch.inf)
        self._cost = torch.full_like(self._weakest, torch.inf)
        self._delta = torch.zeros_like(member.problem.ball.clean)
        self._heard: list[str | None] = [None] * size
        self._tried: list[dict[float, float]] = [{} for _ in range(size)]
        rows = torch.arange(size, device=self._weakest.device)
        for one in found:
            problem = member.problem
            heard = problem.hear(one.delta)
            costs = problem.judge.cost(heard).to(self._cost)
            self._update(rows, one.radius, one.delta, costs, [h.text for h in heard])

    def next_radius(self, curve: CurveConfig) -> torch.Tensor:
        """Return the radius to try next for each utterance, 0 for none, (Batch,)."""
        low, high = self._resisted, self._broken
        up = torch.where(
            low * 1.999 < self._strongest * 2.0**curve.doublings, low * 2.0, 0.0
        )
        down = torch.where(
            high / 1.999 > self._weakest * 0.5**curve.halvings, high / 2.0, 0.0
        )
        mean = (low * high).sqrt()
        if self._member.problem.ball.norm == "linf":
            # Of 9 and 11 levels it is 9.95, of which a file would keep 9 once more.
            mean = (mean * FULL_SCALE).round() / FULL_SCALE
        between = torch.where(high > curve.within * low, mean, 0.0)
        radius = torch.where(low > 0, between, down)
        radius = torch.where(high.isinf(), up, radius)
        if self._member.problem.ball.norm == "linf":
            # Between neighbouring levels of 16-bit audio, there is nothing to try.
            radius = torch.where(high - low < 1.5 / FULL_SCALE, 0.0, radius)
        return radius.clamp(max=UNBOUNDED)

    def attempt(self, rows: torch.Tensor, radius: torch.Tensor) -> None:
        """Attack some utterances, each in a ball of its own radius."""
        part = self._member.on(rows, None)
        ball = self._savable(part.problem.ball.with_radius(radius))
        start = ball.project_(self._delta[rows].clone())
        part = replace(part, problem=replace(part.problem, ball=ball, start=start))
        attacked = part.method(part.problem)
        heard = part.problem.hear(attacked.delta)
        costs = part.problem.judge.cost(heard).to(self._cost)
        texts = [one.text for one in heard]
        self._update(rows, ball.radius, attacked.delta, costs, texts)

    def _update(
        self,
        rows: torch.Tensor,
        radius: torch.Tensor,
        delta: torch.Tensor,
        costs: torch.Tensor,
        heard: Sequence[str],
    ) -> None:
        for place, row in enumerate(rows.tolist()):
            size, cost = radius[place], float(costs[place])
            self._tried[row][float(size)] = cost
            is_broken = cost == 0
            if is_broken and size < self._broken[row]:
                self._broken[row] = size
            elif not is_broken and self._resisted[row] < size < self._broken[row]:
                self._resisted[row] = size
            smaller = is_broken and self._broken[row] == size
            nearer = self._broken[row].isinf() and cost < self._cost[row]
            if smaller or nearer:
                self._cost[row] = cost
                self._delta[row] = delta[place]
                self._heard[row] = heard[place]

    def _budget(self, row: int, radius: float) -> float:
        """Return a radius of an utterance as a budget, in the norm's own unit."""
        if not self._unit.radius[row]:  # silence has no louder ball
            return self._unit.budget
        ratio = radius / float(self._unit.radius[row])
        if self._norm_is_db:
            return round(self._unit.budget - 20.0 * math.log10(ratio), 6)
        return round(self._unit.budget * ratio, 9)

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
        )
