"""Projected gradient descent."""

from dataclasses import dataclass

import torch

from espnet_mtl.attack.methods.base import Method, Traits
from espnet_mtl.attack.problem import Attacked, BestSoFar, Problem, loss_and_gradient
from espnet_mtl.errors import UserError


@dataclass(frozen=True)
class PGD(Method):
    """Minimise a loss inside a ball by steepest descent (Madry et al. 2018, 2.1).

    With momentum, the direction is that of a decaying sum of the gradients, each scaled
    to an L1 norm of 1 (Dong et al. 2018, section 3.1).

    Deviations: steps shrink linearly to nothing, so that the end is a minimum and not a
    walk around one; each utterance keeps its best iterate, the unperturbed audio among
    them, so that more steps never make an attack worse.

    Attributes:
        steps: Number of gradients taken in each run.
        step_size: Length of the first step, of the ball's radius.
        momentum: What is kept of the earlier gradients, from 0 (nothing) to below 1.
        random_start: Whether to start at a random point of the ball rather than at the
            clean audio.
        restarts: Runs, from other random points; each utterance keeps its best.
    """

    traits = Traits(
        kind="white_box", listens=False, blind=None, needs=None, in_suites=True
    )

    steps: int = 75
    step_size: float = 0.25
    momentum: float = 0.75
    random_start: bool = True
    restarts: int = 1

    def __post_init__(self) -> None:
        self.check_above_zero("steps", "step_size", "restarts")
        if not 0.0 <= self.momentum < 1.0:
            raise UserError(
                f"momentum: {self.momentum}: give a number from 0 to below 1"
            )
        if self.restarts > 1 and not self.random_start:
            raise UserError(
                "restarts: without random_start, every restart would give the same "
                "result; write random_start: true, or restarts: 1"
            )

    def __call__(self, problem: Problem) -> Attacked:
        """Attack a batch; see ``Method``."""
        best = BestSoFar(problem)
        for restart in range(self.restarts):
            self._descend(problem, best, restart)
        return best.attacked()

    def _descend(self, problem: Problem, best: BestSoFar, restart: int) -> None:
        ball = problem.ball
        delta = torch.zeros_like(ball.clean)
        if self.random_start:
            delta = ball.random(problem.seeds_for("start", restart))
        direction = torch.zeros_like(delta)
        for step in range(self.steps):
            # 1. Gradient, and each utterance's best so far
            values, gradient = loss_and_gradient(problem, delta, clean_up=False)
            best.offer(delta, values)

            # 2. Step, shorter each time
            direction.mul_(self.momentum).add_(normalise_(gradient))
            size = -self.step_size * (1.0 - step / self.steps) * ball.radius
            move = ball.direction_(direction.clone())
            delta = ball.project_(delta.addcmul_(move, size[:, None]))
        with torch.no_grad():
            best.offer(delta, problem.loss(ball.clean + delta))


def normalise_(gradient: torch.Tensor) -> torch.Tensor:
    """Scale each utterance's gradient to an L1 norm of 1, in place; zeros stay."""
    norm = torch.linalg.vector_norm(gradient, 1, dim=1, keepdim=True)
    if not norm.isfinite().all():
        gradient = gradient.nan_to_num(nan=0.0, posinf=0.0, neginf=0.0)
        norm = torch.linalg.vector_norm(gradient, 1, dim=1, keepdim=True)
    return gradient.div_(norm.clamp_(min=torch.finfo(gradient.dtype).tiny))
