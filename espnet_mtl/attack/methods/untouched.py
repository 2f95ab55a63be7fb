"""Audio that is left as it is, and a look at how the victim behaves there."""

from dataclasses import dataclass, replace

import torch
from torch.nn import functional

from espnet_mtl.attack.losses import WeightedLoss
from espnet_mtl.attack.methods.base import Method, Traits
from espnet_mtl.attack.problem import Attacked, Problem, finite, loss_and_gradient
from espnet_mtl.attack.quantise import FULL_SCALE
from espnet_mtl.results.record import Health
from espnet_mtl.results.trial import WORD_BRANCHES

# About as far as a frame of a front end reaches from where it is.
_NEAR_SECONDS = 0.025


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
    section 3.2). A branch without a gradient of its own is found even where another
    branch has one.

    A victim that draws its noise from a digest of the input answers the same input
    alike. So it is also asked with one sample changed by one level of 16-bit audio,
    where the loss of a smooth victim follows the gradient, and nobody hears a thing.
    """

    traits = Traits(
        kind="control", listens=True, blind=None, needs=None, in_suites=False
    )

    def __call__(self, problem: Problem) -> Attacked:
        """Attack a batch; see ``Method``."""
        # 1. The same audio twice
        clean, audio = problem.ball.clean, _sounding(problem)
        nothing = torch.zeros_like(clean)
        loss, gradient = loss_and_gradient(problem, nothing, clean_up=False)
        again, _ = loss_and_gradient(problem, nothing)
        heard, heard_again = problem.hear(nothing), problem.hear(nothing)

        # 2. One sample, one level
        level = _one_level(problem)
        with torch.no_grad():
            loss_level = problem.loss(clean + level)
        heard_level = problem.judge.around(clean + level).hear(nothing)
        slope = (gradient * level).sum(1).abs()

        # 3. Each branch's own gradient
        branches = {
            name: loss_and_gradient(part, nothing, clean_up=False)[1]
            for name, part in _branches(problem).items()
        }
        health = [
            Health(
                gradient_l1=finite(gradient[row].nan_to_num().abs().sum()),
                gradient_finite=bool(gradient[row].isfinite().all()),
                gradient_zero_share=_zero_share(gradient[row], audio[row]),
                branch_zero_shares={
                    name: _zero_share(one[row], audio[row])
                    for name, one in branches.items()
                },
                loss_repeat_diff=finite((loss[row] - again[row]).abs()),
                heard_repeat=heard[row] == heard_again[row],
                loss_level_diff=finite((loss[row] - loss_level[row]).abs()),
                loss_level_slope=finite(slope[row]),
                heard_level=heard[row] == heard_level[row],
            )
            for row in range(len(problem))
        ]
        return replace(Attacked.without_loss(nothing), health=health)


def _one_level(problem: Problem) -> torch.Tensor:
    """Change one random sample of each utterance by one level, (Batch, Samples)."""
    clean = problem.ball.clean
    level = torch.zeros_like(clean)
    for row, seed in enumerate(problem.seeds_for("level")):
        place = seed % int(problem.ball.lengths[row])
        up = 1 if clean[row, place] < 0 else -1  # towards silence: no full scale there
        level[row, place] = up / FULL_SCALE
    return level


def _branches(problem: Problem) -> dict[str, Problem]:
    """Return the problem of each branch that hears words, whoever attacks it."""
    loss = problem.loss
    if not isinstance(loss, WeightedLoss):
        return {}
    return {
        name: replace(problem, loss=replace(loss, weights={name: 1.0}))
        for name in loss.victim.weights
        if name in WORD_BRANCHES
    }


def _sounding(problem: Problem) -> torch.Tensor:
    """Tell where there is sound, or was a moment ago, or will be, (Batch, Samples).

    In digital silence a recogniser has no gradient, since it takes the logarithm of
    at least some energy. There, one level of noise gives it one: an attack that starts
    at random finds it.
    """
    reach = round(_NEAR_SECONDS * problem.rate)
    loudest = functional.max_pool1d(
        problem.ball.clean.abs()[:, None], 2 * reach + 1, stride=1, padding=reach
    )
    return problem.ball.mask.bool() & (loudest[:, 0] > 0)


def _zero_share(gradient: torch.Tensor, audio: torch.Tensor) -> float:
    return float((gradient[audio] == 0).float().mean())
