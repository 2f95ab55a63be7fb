"""The fast gradient sign method: a single step."""

from dataclasses import dataclass

import torch

from espnet_mtl.attack.methods.base import Method, Traits
from espnet_mtl.attack.problem import Attacked, BestSoFar, Problem, loss_and_gradient


@dataclass(frozen=True)
class FGSM(Method):
    """Go once to the edge of the ball (Goodfellow et al. 2015, 1412.6572, section 4).

    With a random start, the step is 1.25 times the radius, and the result is projected
    back (Wong et al. 2020, 2001.03994, section 4.1).

    Deviations: the step goes towards the attacker's goal, not away from the truth; in
    balls other than L-inf it is that of steepest ascent; an utterance stays clean where
    the step makes it worse.

    Attributes:
        random_start: Whether to start at a random point of the ball rather than at the
            clean audio.
    """

    traits = Traits(
        kind="white_box", listens=False, blind=None, needs=None, in_suites=True
    )

    random_start: bool = False

    def __call__(self, problem: Problem) -> Attacked:
        """Attack a batch; see ``Method``."""
        ball = problem.ball
        best = BestSoFar(problem)
        delta, length = torch.zeros_like(ball.clean), 1.0
        if self.random_start:
            delta, length = ball.random(problem.seeds_for("start", 0)), 1.25
        _, gradient = loss_and_gradient(problem, delta)
        step = ball.direction_(gradient).mul_(-length * ball.radius[:, None])
        delta = ball.project_(delta.add_(step))
        with torch.no_grad():
            best.offer(delta, problem.loss(ball.clean + delta))
        return best.attacked()
