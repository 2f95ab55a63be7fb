"""Audio that is left as it is, and a look at how the victim behaves there."""

from dataclasses import dataclass, replace

import torch

from espnet_mtl.attack.methods.base import Method, Traits
from espnet_mtl.attack.problem import Attacked, Problem, finite, loss_and_gradient
from espnet_mtl.results.record import Health


@dataclass(frozen=True)
class Untouched(Method):
    """Leave the audio as it is: what everything else is compared with."""

    traits = Traits(
        kind="control", listens=False, blind="target", needs=None, in_suites=False
    )

    def __call__(self, problem: Problem) -> Attacked:
        """Attack a batch; see ``Method``."""
        return Attacked.without_loss(torch.zeros_like(problem.ball.clean))


@dataclass(frozen=True)
class HealthCheck(Method):
    """Leave the audio as it is, and check whether the victim can be attacked at all.

    Gradients that are zero or not finite, and a victim that answers differently when
    asked twice, make every attack look weak (Carlini et al. 2019, arXiv 1902.06705,
    section 3.2).
    """

    traits = Traits(
        kind="control", listens=True, blind=None, needs=None, in_suites=False
    )

    def __call__(self, problem: Problem) -> Attacked:
        """Attack a batch; see ``Method``."""
        nothing = torch.zeros_like(problem.ball.clean)
        loss, gradient = loss_and_gradient(problem, nothing, clean_up=False)
        again, _ = loss_and_gradient(problem, nothing)
        heard, heard_again = problem.hear(nothing), problem.hear(nothing)
        audio = problem.ball.mask.bool()
        health = [
            Health(
                gradient_l1=finite(gradient[row].nan_to_num().abs().sum()),
                gradient_finite=bool(gradient[row].isfinite().all()),
                gradient_zero_share=float(
                    (gradient[row][audio[row]] == 0).float().mean()
                ),
                loss_repeat_diff=finite((loss[row] - again[row]).abs()),
                heard_repeat=heard[row] == heard_again[row],
            )
            for row in range(len(problem))
        ]
        return replace(Attacked.without_loss(nothing), health=health)
