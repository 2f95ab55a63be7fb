"""Controls: noise that knows nothing of the victim."""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from espnet_mtl.attack.balls import Ball
from espnet_mtl.attack.methods.base import Method, Traits
from espnet_mtl.attack.problem import Attacked, BestSoFar, Problem
from espnet_mtl.results.trial import Words

_TRAITS = Traits(
    kind="control", listens=False, blind="target", needs=None, in_suites=True
)


@dataclass(frozen=True)
class _Noise(Method):
    """Noise in a ball, the same whatever the victim is.

    Attributes:
        draws: With one, no loss is looked at. With more, each utterance keeps the draw
            of lowest loss: that is a random search, which uses the victim's scores.
    """

    traits = _TRAITS

    draws: int = 1

    def __post_init__(self) -> None:
        self.check_above_zero("draws")

    @property
    def blind(self) -> Words | None:
        """See ``Method``; several draws are compared by an attacker's loss."""
        return self.traits.blind if self.draws == 1 else None

    def __call__(self, problem: Problem) -> Attacked:
        """Attack a batch; see ``Method``."""
        first = self._noise(problem.ball, problem.seeds_for("noise", 0))
        if self.draws == 1:
            return Attacked.without_loss(first)
        return self._best(problem, first)

    @torch.no_grad()
    def _best(self, problem: Problem, first: torch.Tensor) -> Attacked:
        ball = problem.ball
        best = BestSoFar(problem)
        # The result has to be noise, even where the clean audio has a lower loss.
        best.delta = first
        best.loss = problem.loss(ball.clean + first).nan_to_num(nan=torch.inf)
        for number in range(1, self.draws):
            delta = self._noise(ball, problem.seeds_for("noise", number))
            best.offer(delta, problem.loss(ball.clean + delta))
        return best.attacked()

    @abstractmethod
    def _noise(self, ball: Ball, seeds: Sequence[int]) -> torch.Tensor:
        """Draw noise in the ball, (Batch, Samples), from a seed for each utterance."""


@dataclass(frozen=True)
class RandomSign(_Noise):
    """Change every sample by the same amount, up or down at random.

    The amount is the most that the ball allows: the radius of an L-inf ball, and for an
    L2 ball what takes all samples together to its sphere. In an L-inf ball this is the
    loudest noise, and looks like a signed gradient of an unknown victim. A white-box
    attack that does no better than this is broken (Carlini et al. 2019, arXiv
    1902.06705, section 4.3: attacks by random noise as a check).

    Deviations: one draw rather than thousands, unless ``draws`` says so; see
    :class:`_Noise`.
    """

    traits = _TRAITS

    def _noise(self, ball: Ball, seeds: Sequence[int]) -> torch.Tensor:
        level = flat_level(ball)
        return ball.project_(torch.where(_draw(ball, seeds) < 0.0, -level, level))


@dataclass(frozen=True)
class Gaussian(_Noise):
    """Add white Gaussian noise.

    For an L-inf ball its standard deviation is a third of the radius, and the few
    samples beyond the radius are clipped to it; for an L2 ball it is scaled to the
    sphere. As a check it stands beside :class:`RandomSign` (Carlini et al. 2019, arXiv
    1902.06705, section 4.3), and is what a noisy channel would do.

    Deviations: one draw rather than thousands, unless ``draws`` says so; see
    :class:`_Noise`. The third of the radius is our choice.
    """

    traits = _TRAITS

    def _noise(self, ball: Ball, seeds: Sequence[int]) -> torch.Tensor:
        noise = _draw(ball, seeds)
        if ball.norm == "linf":
            return ball.project_(noise.mul_(ball.radius[:, None] / 3.0))
        return fill_(ball, noise)


def flat_level(ball: Ball) -> torch.Tensor:
    """Tell how far all samples may change at once, (Batch, 1)."""
    return (ball.radius / ball.size(ball.mask).clamp_(min=1.0))[:, None]


def fill_(ball: Ball, delta: torch.Tensor) -> torch.Tensor:
    """Scale perturbations, (Batch, Samples), until they use the whole radius, in place.

    What is cut to keep the audio in [-1, 1] is lost, so that the result may be smaller.
    Silence stays silence.
    """
    delta.mul_(ball.mask)
    # Below the floor there is nothing to scale: no loss, and no audio, is that exact.
    size = ball.size(delta).clamp_(min=1e-12)
    return ball.project_(delta.mul_((ball.radius / size)[:, None]))


def _draw(ball: Ball, seeds: Sequence[int]) -> torch.Tensor:
    """Draw standard normal noise for each utterance, (Batch, Samples)."""
    return ball.draw_each(lambda n, rng: torch.randn(n, generator=rng), seeds)
