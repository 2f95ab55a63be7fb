"""Training on noise: the control that adversarial training has to beat."""

from dataclasses import dataclass

import torch

from espnet_mtl.asr_mtl.robust.abs_robust import AbsRobust
from espnet_mtl.asr_mtl.robust.batches import Batch, Moment, Result, with_speech
from espnet_mtl.attack.balls import Ball


@dataclass(frozen=True)
class NoiseTraining(AbsRobust):
    """Train on noise of the size that adversarial training has, at no further cost.

    What it gives is what an attacked model learns from the size of the perturbations
    alone (Goodfellow et al. 2015, section 5, compare the two).

    Attributes:
        kind: ``sign`` changes every sample by the same amount, up or down at random:
            the loudest noise in an L-inf ball. ``gaussian`` is white noise of the same
            power, which in an L-inf ball is cut at the radius. In other balls both are
            scaled to the sphere.
    """

    kind: str = "sign"

    def __post_init__(self) -> None:
        super().__post_init__()
        self.choose("kind", ("sign", "gaussian"))

    def __call__(self, model: torch.nn.Module, batch: Batch, moment: Moment) -> Result:
        """Calculate the model's loss on noisy audio; see ``AbsRobust``."""
        speech = self._change(batch, moment)
        result: Result = model(**with_speech(batch, speech))
        return result

    def _change(self, batch: Batch, moment: Moment) -> torch.Tensor:
        ball = self.ball(batch, moment)
        noise = self._draw(ball, moment.seeds("noise", batch))
        return noise.add_(ball.clean)

    def _draw(self, ball: Ball, seeds: list[int]) -> torch.Tensor:
        noise = ball.draw_each(lambda n, rng: torch.randn(n, generator=rng), seeds)
        if self.kind == "sign":
            noise.sign_()
        if ball.norm == "linf":
            return ball.project_(noise.mul_(ball.radius[:, None]))
        size = ball.size(noise).clamp_(min=1e-12)
        return ball.project_(noise.mul_((ball.radius / size)[:, None]))
