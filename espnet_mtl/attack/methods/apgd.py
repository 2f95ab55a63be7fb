"""Auto-PGD: steps that halve themselves when they no longer help."""

from dataclasses import dataclass, replace

import torch

from espnet_mtl.attack.methods.base import Method, Traits
from espnet_mtl.attack.problem import Attacked, BestSoFar, Problem, loss_and_gradient

_FIRST_STEP = 2.0  # of the radius
_NEW = 0.75  # share of the new step; the rest is the step before (alpha in the paper)
_IMPROVING = 0.75  # share of steps that have to improve, or the step halves (rho)
_FIRST_PERIOD, _SHORTER, _SHORTEST = 22, 3, 6  # of the steps, in percent
_KEPT = 0.75  # of earlier gradients where they accumulate


@dataclass(frozen=True)
class APGD(Method):
    """Auto-PGD, which has no step size to tune (Croce & Hein 2020, arXiv 2003.01690).

    Section 3 and algorithm 1: a run starts at a random point with steps of twice the
    radius, each mixed with the step before. At checkpoints that follow each other ever
    faster, an utterance's step is halved, and it goes back to its best point, if too
    few steps since the last checkpoint lowered its loss, or if neither its step nor its
    best loss has changed since.

    Deviations: the loss towards the attacker's goal is minimised; the paper's loss that
    is free of scale has no counterpart for sequences. Step size and checkpoints are
    each utterance's own. After an utterance goes back, its next step is not mixed with
    the step before, which led elsewhere. At a checkpoint, the point just reached is
    checked, before the next step and not after it. With
    ``accumulate``, the direction is that of a decaying sum of the gradients, each
    scaled to an L1 norm of 1, as in
    :class:`espnet_mtl.attack.methods.pgd.PGD`. The unperturbed audio is kept where no
    run finds better.

    On this recipe's recognisers it is weaker than PGD with its defaults and as many
    steps. It is a second opinion, without a step size to choose.

    Attributes:
        steps: Number of gradients taken in each run.
        restarts: Runs, from other random points; each utterance keeps its best.
        accumulate: Whether to follow the sum of the gradients rather than, as in the
            paper, the last one alone.
    """

    traits = Traits(
        kind="white_box", listens=False, blind=None, needs=None, in_suites=True
    )

    steps: int = 100
    restarts: int = 1
    accumulate: bool = True

    def __post_init__(self) -> None:
        self.check_above_zero("steps", "restarts")

    def __call__(self, problem: Problem) -> Attacked:
        """Attack a batch; see ``Method``."""
        best = BestSoFar(problem)
        for restart in range(self.restarts):
            start = problem.ball.random(problem.seeds_for("start", restart))
            delta, loss = _Run(problem, start, self.accumulate).descend(self.steps)
            best.offer(delta, problem.afresh(delta, loss))
        return best.attacked()


@dataclass
class _Point:
    """Where each utterance is, and what is known there.

    Attributes:
        delta: Perturbations, (Batch, Samples).
        loss: (Batch,).
        gradient: Gradient or sum of gradients, (Batch, Samples).
    """

    delta: torch.Tensor
    loss: torch.Tensor
    gradient: torch.Tensor

    def where(self, rows: torch.Tensor, other: "_Point") -> "_Point":
        """Replace some utterances by those of another point; ``rows`` is (Batch,)."""
        return _Point(
            torch.where(rows[:, None], other.delta, self.delta),
            torch.where(rows, other.loss, self.loss),
            torch.where(rows[:, None], other.gradient, self.gradient),
        )


class _Run:
    """One run, with the state of each utterance."""

    def __init__(self, problem: Problem, start: torch.Tensor, accumulate: bool):
        self._problem = problem
        self._accumulate = accumulate
        self._size = _FIRST_STEP * problem.ball.radius
        self._here = self._look(start, torch.zeros_like(start))
        # Its own best and not that of all runs: going back is not to leave the run.
        self._best = self._here
        # The point before, once there is one
        self._before: torch.Tensor | None = None
        self._improved = torch.zeros_like(self._size)  # steps since the last checkpoint
        # At the last checkpoint, and whether there has been a better point since
        self._checked = self._size
        self._found = torch.zeros_like(self._size, dtype=torch.bool)

    def descend(self, steps: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Run; return the best perturbations, (Batch, Samples), and their losses."""
        checkpoints = _checkpoints(steps)
        last_checkpoint = 0
        for step in range(1, steps):
            self._arrive(self._look(self._next(), self._here.gradient))
            if step in checkpoints:
                self._halve_where_stuck(step - last_checkpoint)
                last_checkpoint = step

        # The last point needs no gradient.
        delta, problem = self._next(), self._problem
        with torch.no_grad():
            values = problem.loss(problem.ball.clean + delta)
        self._keep(_Point(delta, values, self._here.gradient))
        return self._best.delta, self._best.loss

    def _look(self, delta: torch.Tensor, earlier: torch.Tensor) -> _Point:
        values, gradient = loss_and_gradient(self._problem, delta)
        if self._accumulate:
            tiny = torch.finfo(gradient.dtype).tiny
            gradient = torch.nn.functional.normalize(gradient, p=1.0, dim=1, eps=tiny)
            gradient.add_(earlier, alpha=_KEPT)
        return _Point(delta, values.nan_to_num(nan=torch.inf), gradient)

    def _next(self) -> torch.Tensor:
        """Step, partly in the direction of the step before; (Batch, Samples)."""
        ball, delta = self._problem.ball, self._here.delta
        step = ball.direction_(self._here.gradient.clone()).mul_(-self._size[:, None])
        target = ball.project_(step.add_(delta))
        if self._before is None:
            return target
        moved = delta + _NEW * (target - delta) + (1.0 - _NEW) * (delta - self._before)
        return ball.project_(moved)

    def _arrive(self, point: _Point) -> None:
        """Go to a point, and note where the loss has fallen."""
        self._improved = self._improved + (point.loss < self._here.loss)
        self._keep(point)
        self._before, self._here = self._here.delta, point

    def _keep(self, point: _Point) -> None:
        """Keep a point, that of the last loss, where it is the best so far."""
        loss = self._problem.again(self._best.delta, self._best.loss)
        better = point.loss < loss
        self._best = replace(self._best, loss=loss).where(better, point)
        self._found |= better

    def _halve_where_stuck(self, num_steps: int) -> None:
        """Halve the steps of utterances that are stuck, and take them to their best."""
        few = self._improved < _IMPROVING * num_steps
        idle = (self._size == self._checked) & ~self._found
        stuck = few | idle
        self._checked, self._found = self._size, torch.zeros_like(self._found)
        self._improved = torch.zeros_like(self._improved)
        self._size = torch.where(stuck, self._size / 2.0, self._size)
        self._here = self._here.where(stuck, self._best)
        if self._before is not None:
            self._before = torch.where(stuck[:, None], self._best.delta, self._before)


def _checkpoints(steps: int) -> set[int]:
    """Return the steps, from 1, after which to look back (section 3 of the paper)."""
    found, place, period = set(), _FIRST_PERIOD, _FIRST_PERIOD
    while place <= 100:
        found.add(-(-place * steps // 100))  # rounded up, in exact arithmetic
        period = max(period - _SHORTER, _SHORTEST)
        place += period
    return found
