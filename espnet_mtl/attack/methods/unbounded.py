"""An attack without a bound: where it fails, no bounded attack can succeed."""

from dataclasses import dataclass, replace

import torch

from espnet_mtl.attack.methods.base import Method, Traits
from espnet_mtl.attack.methods.chain import Chain
from espnet_mtl.attack.problem import Attacked, Problem

_STEP_SIZE = 0.25  # of each ball's radius
_MOMENTUM = 0.75  # in a wide ball, more of it runs past what is near


@dataclass(frozen=True)
class Unbounded(Method):
    """Let the ball grow until the target is heard (Carlini et al. 2019, section 4.2).

    With no bound on the noise, an attack on a differentiable recogniser has to succeed
    always. Where it does not, gradients are masked or the attack is broken, and no
    other figure of it counts. The balls grow, rather than one of radius 1 from the
    start, since the steps of such a ball would jump over all quiet perturbations. An
    utterance that is broken is not attacked any further.

    Attributes:
        steps: Gradients in each ball.
        radii: Radii of the balls, of full scale 1.
    """

    traits = Traits(
        kind="white_box", listens=True, blind=None, needs=None, in_suites=False
    )

    steps: int = 75
    radii: tuple[float, ...] = (0.003, 0.01, 0.03, 0.1, 0.3, 1.0)

    def __call__(self, problem: Problem) -> Attacked:
        """Attack a batch; see ``Method``."""
        delta = torch.zeros_like(problem.ball.clean)
        nothing = delta.new_full((len(problem),), torch.nan)
        loss_start, loss_end = nothing, nothing.clone()
        found: list[tuple[str, float]] = [("", 0.0)] * len(problem)
        rows = torch.arange(len(problem), device=delta.device)
        chain = Chain((self.steps,), (_STEP_SIZE,), momentum=_MOMENTUM)
        for radius in self.radii:
            part = problem.rows(rows)
            within = part.ball.radius.clamp(max=radius)
            part = part.with_ball(part.ball.with_radius(within))
            # From a random point again: a dead end of a smaller ball is one here, too.
            attacked = chain(replace(part, start=None))
            heard = part.hear(attacked.delta)
            delta[rows] = attacked.delta
            loss_end[rows] = attacked.loss_end
            loss_start[rows] = attacked.loss_start
            for row, one in zip(rows.tolist(), heard, strict=True):
                found[row] = one.text, radius
            rows = rows[part.judge.cost(heard) > 0]
            if not len(rows):
                break
        return Attacked(
            delta,
            loss_start,
            loss_end,
            notes=[{"radius": radius} for _, radius in found],
            heard=[text for text, _ in found],
        )
