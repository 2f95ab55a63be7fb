"""The attack of Qin et al.: a perturbation that hides behind the audio."""

from dataclasses import dataclass

import torch

from espnet_mtl.attack.masking import Masking
from espnet_mtl.attack.methods.base import Method, Traits
from espnet_mtl.attack.methods.cw import CW, Adam, per_sample_share
from espnet_mtl.attack.problem import Attacked, BestSoFar, Problem, loss_and_gradient
from espnet_mtl.errors import UserError

# Factors of the loss's weight: where the target was not heard, and where it was
_RAISE, _LOWER = 1.3, 0.85
_MAX_ALPHA = 1e6

# The step falls to this share of its first length.
_LAST_STEP = 0.1


@dataclass(frozen=True)
class Imperceptible(Method):
    """Make the decoder hear the target, and a listener nothing.

    Qin et al. 2019 (arXiv 1903.10346, sections 4.2 and 4.3). The first stage looks for
    a small perturbation, as Carlini and Wagner do. The second makes it inaudible: it
    minimises how far the perturbation is above the masking threshold of the clean
    audio, and the loss beside it. The loss's weight goes up while the decoder does not
    hear the target, and down while it does.

    The result is the least audible perturbation with which the decoder heard the
    target. An utterance where there was none gets the one of least loss.

    Notes of an utterance: ``stage`` that its perturbation is from, 0 where the target
    was never heard; ``excess_before`` and ``excess_after``, the mean over time and
    frequency of how far the perturbation is above the threshold in dB, when the second
    stage begins and of the result.

    Deviations: the perturbation never leaves the ball, in the second stage either. The
    excess is taken in dB, as in the paper's text. The weight that changes is that of
    the loss, not that of the excess. Steps are a share of the size of the first stage's
    perturbation, or of the radius where it has none that works, and get shorter. The
    first stage is :class:`espnet_mtl.attack.methods.cw.CW`, with its deviations.

    Attributes:
        stages: Which stages to go through: 1, 2 or both. Without the first, the second
            starts at the clean audio.
        first_steps: Number of gradients taken in the first stage.
        second_steps: Number of gradients taken in the second stage.
        step_size: Length of the second stage's first step.
        alpha: Weight of the loss when the second stage begins, in dB a nat.
        check_every: Steps from one hearing of the decoder to the next.
    """

    traits = Traits(
        kind="white_box", listens=True, blind=None, needs=None, in_suites=True
    )

    stages: tuple[int, ...] = (1, 2)
    first_steps: int = 500
    second_steps: int = 500
    step_size: float = 0.1
    alpha: float = 1.0
    check_every: int = 10

    def __post_init__(self) -> None:
        if tuple(self.stages) not in ((1,), (2,), (1, 2)):
            raise UserError(f"stages: {self.stages}: give [1], [2] or [1, 2]")
        self.check_above_zero("first_steps", "second_steps", "check_every")
        self.check_above_zero("step_size", "alpha")

    def __call__(self, problem: Problem) -> Attacked:
        """Attack a batch; see ``Method``."""
        ball = problem.ball
        masking = Masking(ball.clean, ball.lengths, problem.rate)
        hiding = _Hiding(problem, masking)
        if 1 in self.stages:
            first = CW(steps=self.first_steps, check_every=self.check_every)
            hiding.begin(first(problem))
        if 2 in self.stages:
            self._hide(problem, masking, hiding)
        return hiding.attacked()

    def _hide(self, problem: Problem, masking: Masking, hiding: "_Hiding") -> None:
        """Go through the second stage."""
        ball = problem.ball
        adam = Adam(ball.clean, ball.lengths)
        delta = hiding.delta.clone()
        reach = ball.size(delta)
        reach = torch.where(reach > 0, reach, ball.radius) * per_sample_share(ball)
        alpha = torch.full_like(reach, self.alpha)
        for step in range(self.second_steps):
            # 1. Both gradients
            loss, to_target = loss_and_gradient(problem, delta)
            excess, to_silence = _excess_and_gradient(masking, delta)

            # 2. What the decoder makes of it
            if step % self.check_every == 0:
                heard = hiding.check(delta, loss, excess)
                alpha *= torch.where(heard, _LOWER, _RAISE)
                alpha.clamp_(1.0 / _MAX_ALPHA, _MAX_ALPHA)

            # 3. Step, shorter each time
            share = (alpha / (1.0 + alpha))[:, None]
            move = adam.direction(torch.lerp(to_silence, to_target, share))
            shorter = 1.0 - (1.0 - _LAST_STEP) * step / self.second_steps
            size = -self.step_size * shorter * reach
            delta = ball.project_(delta.addcmul_(move, size[:, None]))
        with torch.no_grad():
            hiding.check(delta, problem.loss(ball.clean + delta), masking.excess(delta))


class _Hiding:
    """Each utterance's least audible perturbation that works."""

    def __init__(self, problem: Problem, masking: Masking):
        self._problem = problem
        self._masking = masking
        self._closest = BestSoFar(problem)
        # The best of each utterance, or where the second stage begins
        self.delta = torch.zeros_like(problem.ball.clean)
        self._loss = self._closest.loss_start
        self._excess = torch.full_like(self._loss, torch.inf)
        self._before = torch.zeros_like(self._loss)
        self._stage = torch.zeros_like(self._loss, dtype=torch.long)

    def begin(self, first: Attacked) -> None:
        """Take over what the first stage found."""
        with torch.no_grad():
            excess = self._masking.excess(first.delta)
        worked = [note["radius"] is not None for note in first.notes]
        heard = torch.tensor(worked, device=excess.device)
        loss = self._problem.afresh(first.delta, first.loss_end)
        self._closest.offer(first.delta, loss)
        self.delta, self._loss, self._before = first.delta, first.loss_end, excess
        self._excess[heard] = excess[heard]
        self._stage[heard] = 1

    def check(
        self, delta: torch.Tensor, loss: torch.Tensor, excess: torch.Tensor
    ) -> torch.Tensor:
        """Have the decoder judge perturbations, and keep the least audible that work.

        Args:
            delta: Perturbations, (Batch, Samples).
            loss: Their losses, (Batch,).
            excess: How far they are above the threshold in dB, (Batch,).

        Returns:
            Where the decoder heard the target, (Batch,).
        """
        costs = self._problem.judge.cost(self._problem.hear(delta))
        heard = (costs == 0).to(loss.device)
        self._closest.offer(delta, loss)
        better = heard & (excess < self._excess)
        self.delta = torch.where(better[:, None], delta, self.delta)
        self._loss = torch.where(better, loss, self._loss)
        self._excess = torch.where(better, excess, self._excess)
        self._stage[better] = 2
        return heard

    def attacked(self) -> Attacked:
        """Return the result."""
        worked = self._stage > 0
        delta = torch.where(worked[:, None], self.delta, self._closest.delta)
        loss = torch.where(worked, self._loss, self._closest.loss)
        with torch.no_grad():
            after = self._masking.excess(delta)
        notes = [
            {"stage": stage, "excess_before": before, "excess_after": end}
            for stage, before, end in zip(
                self._stage.tolist(), self._before.tolist(), after.tolist(), strict=True
            )
        ]
        delta = self._problem.ball.project_(delta)
        loss = self._problem.afresh(delta, loss)
        return Attacked(delta, self._closest.loss_start, loss, notes=notes)


def _excess_and_gradient(
    masking: Masking, delta: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return how audible perturbations are, (Batch,), and its gradient, like them."""
    delta = delta.detach().requires_grad_(True)
    excess = masking.excess(delta)
    (gradient,) = torch.autograd.grad(excess.sum(), delta)
    return excess.detach(), gradient
