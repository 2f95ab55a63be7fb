"""PGD in one chain: ever smaller steps, each stage from the best that was found."""

from dataclasses import dataclass
from typing import Self

import torch

from espnet_mtl.attack.methods.base import Method, Traits
from espnet_mtl.attack.methods.pgd import normalise_
from espnet_mtl.attack.problem import Attacked, BestSoFar, Problem, loss_and_gradient
from espnet_mtl.errors import UserError

# Part of the first stage in which a wider ball shrinks to the one that counts
_SHRINKING = 0.7


@dataclass(frozen=True)
class Chain(Method):
    """Go on from the best that was found, with smaller and smaller steps.

    Projected gradient descent with momentum, as in ``PGD``, in stages. Each stage
    begins at the perturbation of lowest loss so far; its steps are smaller than those
    of the stage before, and shrink to nothing until it ends.

    The decoder listens every few steps, and what it is deceived by leaves the batch: no
    more gradients are spent on it. The chain begins at a perturbation found with a
    smaller budget or by an earlier attack, where there is one.

    With ``wide`` above 1, the first stage begins at the best so far, so many times as
    large, in a ball as large, which shrinks to the one that counts (Croce & Hein 2021,
    arXiv 2103.01208, section 3.3, for L1 balls): another way in than that of a chain
    that never leaves it. What it finds counts once the ball has shrunk.

    Attributes:
        steps: Gradients of each stage.
        step_sizes: First step of each stage, of the ball's radius.
        warm_step_size: That of the first stage where there is something to begin at.
        momentum: What is kept of the earlier gradients, from 0 (nothing) to below 1.
        wide: Radius in which the first stage begins, of the ball's.
        listen_every: Steps from one listening to the next.
    """

    traits = Traits(
        kind="white_box", listens=True, blind=None, needs=None, in_suites=True
    )

    steps: tuple[int, ...] = (75, 150)
    step_sizes: tuple[float, ...] = (0.25, 0.05)
    warm_step_size: float = 0.1
    momentum: float = 0.9
    wide: float = 1.0
    listen_every: int = 25

    def __post_init__(self) -> None:
        self.check_above_zero("listen_every", "warm_step_size")
        for name in ("steps", "step_sizes"):
            values = getattr(self, name)
            if not values or min(values) <= 0:
                raise UserError(f"{name}: {list(values)}: give numbers above 0")
        if len(self.steps) != len(self.step_sizes):
            raise UserError(
                f"steps, step_sizes: {len(self.steps)} and {len(self.step_sizes)} "
                "values: give one of each for every stage"
            )
        if not 0.0 <= self.momentum < 1.0:
            raise UserError(
                f"momentum: {self.momentum}: give a number from 0 to below 1"
            )
        if not self.wide >= 1.0:
            raise UserError(f"wide: {self.wide}: give 1 or more")

    def with_steps(self, steps: int) -> Self:
        """See ``Method``: one stage alone."""
        return self.replaced(steps=(steps,), step_sizes=self.step_sizes[:1])

    def __call__(self, problem: Problem) -> Attacked:
        """Attack a batch; see ``Method``."""
        search = _Search(problem)
        warm = problem.start is not None
        sizes = [self.warm_step_size if warm else self.step_sizes[0]]
        sizes += self.step_sizes[1:]
        wides = [self.wide] + [1.0] * (len(sizes) - 1)
        for steps, size, wide in zip(self.steps, sizes, wides, strict=True):
            self._descend(search, steps, size, wide)
        return search.attacked()

    def _descend(self, search: "_Search", steps: int, size: float, wide: float) -> None:
        """Go through one stage."""
        delta = search.best.delta * wide
        direction = torch.zeros_like(delta)
        for step in range(steps):
            if not len(search.rows):
                return
            # 1. The ball, which may still be too wide
            factor = 1.0 + (wide - 1.0) * max(0.0, 1.0 - step / (_SHRINKING * steps))
            ball = search.part.ball
            if factor > 1.0:
                ball = ball.with_radius(ball.radius * factor)
            if wide > 1.0:
                delta = ball.project_(delta)

            # 2. Gradient, and each utterance's best so far
            values, gradient = loss_and_gradient(search.part, delta, clean_up=False)
            if factor == 1.0:
                search.best.offer(delta, values)

            # 3. Step, shorter each time
            direction.mul_(self.momentum).add_(normalise_(gradient))
            length = -size * (1.0 - step / steps) * ball.radius
            move = ball.direction_(direction.clone())
            delta = ball.project_(delta.addcmul_(move, length[:, None]))

            # 4. What is broken leaves
            if (step + 1) % self.listen_every == 0 and step + 1 < steps:
                kept = search.listen()
                if not kept.all():
                    delta, direction = delta[kept], direction[kept]
        if len(search.rows):
            with torch.no_grad():
                ball = search.part.ball
                delta = ball.project_(delta)
                search.best.offer(delta, search.part.loss(ball.clean + delta))
            search.listen()


class _Search:
    """What is still searched for, and what was found.

    Attributes:
        rows: Numbers of the utterances that resist, (Rows,).
        part: Their problem.
        best: Their perturbations of lowest loss.
    """

    def __init__(self, problem: Problem):
        ball = problem.ball
        self.rows = torch.arange(len(problem), device=ball.clean.device)
        self.part = problem
        self.best = BestSoFar(problem)
        self._loss_start = self.best.loss_start
        self._loss_end = self.best.loss.clone()
        # 1. Where to begin
        start = problem.start
        if start is None:
            start = ball.random(problem.seeds_for("start", 0))
        self.best.begin(start)
        # 2. The nearest to the goal that was heard, and what the decoder was asked
        self._nearest = self.best.delta.clone()
        self._cost = torch.full_like(self._loss_end, torch.inf)
        self._asked = torch.full_like(self._nearest, torch.nan)
        # 3. Those of lowest loss, of all utterances
        self._lowest = self._nearest.clone()

    def listen(self) -> torch.Tensor:
        """Ask the decoder about what is new; what it hears as wanted leaves the search.

        Returns:
            Which of the rows stay, (Rows,).
        """
        loss = self.best.loss
        self._lowest[self.rows] = self.best.delta
        kept = torch.ones_like(self.rows, dtype=torch.bool)
        # Not by the loss: where that is random, what is new may have a higher one.
        is_new = (self.best.delta != self._asked[self.rows]).any(dim=1)
        new = torch.nonzero(is_new)[:, 0]
        if len(new):
            asked, delta = self.rows[new], self.best.delta[new]
            part = self.part.rows(new)
            cost = part.judge.cost(part.hear(delta)).to(loss)
            self._asked[asked] = delta
            nearer = cost <= self._cost[asked]
            self._nearest[asked[nearer]] = delta[nearer]
            self._cost[asked] = torch.minimum(cost, self._cost[asked])
            self._loss_end[asked[nearer]] = loss[new][nearer]
            kept[new] = cost > 0
        if not kept.all():
            left = torch.nonzero(kept)[:, 0]
            self.rows = self.rows[left]
            self.part = self.part.rows(left)
            self.best = self.best.rows(left, self.part)
        return kept

    def attacked(self) -> Attacked:
        """Return the perturbations that came nearest to the goal."""
        return Attacked(
            self._nearest, self._loss_start, self._loss_end, lowest=self._lowest
        )
