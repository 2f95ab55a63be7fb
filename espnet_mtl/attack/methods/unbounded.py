"""An attack without a bound: what it cannot do, no bounded one can."""

from dataclasses import dataclass

import torch

from espnet_mtl.attack.methods.pgd import PGD
from espnet_mtl.attack.problem import Attacked, Problem


@dataclass(frozen=True)
class Unbounded:
    """Let the ball grow until the target is heard (Carlini et al. 2019, section 4.2).

    With no bound on the noise, an attack on a differentiable recogniser has to succeed
    always; where it does not, gradients are masked or the attack is broken, and no
    other figure of it counts. Growing balls rather than one of radius 1: steps that
    suit it would jump over all that is quiet. Utterances that are broken do not go on.

    Attributes:
        steps: Gradients in each ball.
        radii: Radii of the balls, of full scale 1.
    """

    steps: int = 75
    radii: tuple[float, ...] = (0.003, 0.01, 0.03, 0.1, 0.3, 1.0)

    def __call__(self, problem: Problem) -> Attacked:
        """Attack a batch; see :class:`espnet_mtl.attack.problem.Attack`."""
        delta = torch.zeros_like(problem.ball.clean)
        nothing = delta.new_full((len(problem),), torch.nan)
        loss_start, loss_end = nothing, nothing.clone()
        notes: list[dict] = [{} for _ in range(len(problem))]
        rows = torch.arange(len(problem), device=delta.device)
        for radius in self.radii:
            part = problem.rows(rows)
            within = part.ball.radius.clamp(max=radius)
            part = part.with_ball(part.ball.with_radius(within))
            attacked = PGD(steps=self.steps)(part)
            heard = part.judge.hear(attacked.delta)
            delta[rows] = attacked.delta
            loss_end[rows] = attacked.loss_end
            loss_start[rows] = attacked.loss_start
            for row, one in zip(rows.tolist(), heard, strict=True):
                notes[row] = {"heard": one.text, "radius": radius}
            rows = rows[part.judge.cost(heard) > 0]
            if not len(rows):
                break
        return Attacked(delta, loss_start, loss_end, notes)
