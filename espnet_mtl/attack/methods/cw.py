"""The attack of Carlini and Wagner: the smallest perturbation that works."""

from dataclasses import dataclass

import torch

from espnet_mtl.attack.balls import Ball
from espnet_mtl.attack.methods.base import Method, Traits
from espnet_mtl.attack.problem import Attacked, BestSoFar, Problem, loss_and_gradient
from espnet_mtl.errors import UserError

# Radii nearer to each other than this are the same for the search.
_NARROW = 0.97

# The step falls to this share of its first length.
_LAST_STEP = 0.1


@dataclass(frozen=True)
class CW(Method):
    """Look for the smallest perturbation with which the decoder hears the target.

    Carlini and Wagner 2018 (arXiv 1801.01944, section III): Adam makes the loss small
    inside a ball. When the decoder hears the target, the ball is made smaller, and the
    search goes on from there. Each utterance has its own ball.

    The result is the smallest perturbation that worked. An utterance where none did
    gets the one of least loss in the problem's ball. Notes: ``radius``, the size of the
    perturbation that worked, or ``None``; ``checks``, how often the decoder judged.

    Deviations: steps are a share of the ball's radius, which suits any budget, and get
    shorter. The decoder judges not the present perturbation but the one of least loss
    since the radius last changed, and only if its loss is lower than that of the one
    judged before. The ball shrinks to a share of the perturbation's size, where that is
    less than the radius. A ball in which nothing has worked for ``patience`` steps was
    too small: the search goes on in a larger one, half way (of the logarithm) back to
    what has worked, and tries smaller ones again when the two radii meet. The penalty
    is relative to the ball.

    Attributes:
        steps: Number of gradients taken.
        step_size: Length of the first step, of the ball's radius.
        shrink: What a success leaves of the radius.
        check_every: Steps from one hearing of the decoder to the next.
        patience: Steps after which a ball is taken for too small; 0 for never.
        penalty: Weight of the perturbation's energy in the loss. 1 adds a nat where
            the perturbation fills the ball.
    """

    traits = Traits(
        kind="white_box", listens=True, blind=None, needs=None, in_suites=True
    )

    steps: int = 750
    step_size: float = 0.1
    shrink: float = 0.8
    check_every: int = 10
    patience: int = 100
    penalty: float = 0.0

    def __post_init__(self) -> None:
        self.check_above_zero("steps", "step_size", "check_every")
        if not 0.0 < self.shrink < 1.0:
            raise UserError(f"shrink: {self.shrink}: give a number between 0 and 1")
        if self.patience < 0:
            raise UserError(
                f"patience: {self.patience}: give a number of steps, or 0 for never"
            )
        if not self.penalty >= 0.0:
            raise UserError(f"penalty: {self.penalty}: give no negative number")

    def __call__(self, problem: Problem) -> Attacked:
        """Attack a batch; see ``Method``."""
        ball = problem.ball
        search = _Search(problem, self.shrink, self.patience)
        search.check()
        adam = Adam(ball.clean, ball.lengths)
        per_sample = per_sample_share(ball)
        delta = torch.zeros_like(ball.clean)
        for step in range(self.steps):
            # 1. Gradient, and what the decoder makes of the steps until now
            values, gradient = loss_and_gradient(problem, delta)
            search.offer(delta, values)
            if (step + 1) % self.check_every == 0:
                search.check()

            # 2. Step, shorter each time
            reach = search.ball.radius * per_sample
            if self.penalty:
                # Of the energy, relative to that of what fills the ball
                full = (reach * reach * ball.lengths).clamp(min=1e-30)
                gradient = gradient + self.penalty * (delta * (2.0 / full)[:, None])
            share = 1.0 - (1.0 - _LAST_STEP) * step / self.steps
            size = -self.step_size * share * reach
            move = adam.direction(gradient)
            delta = search.ball.project_(delta.addcmul_(move, size[:, None]))
        with torch.no_grad():
            search.offer(delta, problem.loss(ball.clean + delta))
        search.check()
        return search.attacked()


class Adam:
    """Directions of descent of a batch whose rows know nothing of each other.

    Kingma and Ba 2015, algorithm 1.

    Deviation: what keeps the division from going wrong is not a constant, but a share
    of the gradient's root mean square over the utterance. Rows are then free of the
    gradient's scale, and samples that hardly matter move less than those that do.

    Args:
        like: A tensor of the gradients' shape, (Batch, Samples).
        lengths: Samples of each utterance; behind them, gradients are zero, (Batch,).
        floor: That share.
    """

    def __init__(self, like: torch.Tensor, lengths: torch.Tensor, floor: float = 0.1):
        self._lengths = lengths[:, None].clamp(min=1)
        self._first = torch.zeros_like(like)
        self._second = torch.zeros_like(like)
        self._scale = torch.ones_like(like[:, :1])
        self._floor = floor
        self._step = 0

    def direction(self, gradient: torch.Tensor) -> torch.Tensor:
        """Return the direction of ascent after one more gradient, (Batch, Samples).

        The gradient is finite. A sample whose gradient stays the same moves by about 1,
        one whose gradient has always been zero not at all.
        """
        first, second = 0.9, 0.999
        if self._step == 0:
            # Squares of tiny gradients would vanish, and those of huge ones overflow.
            peak = gradient.abs().amax(dim=1, keepdim=True)
            self._scale = torch.where(peak > 0, peak, self._scale)
        self._step += 1
        gradient = gradient / self._scale
        self._first.lerp_(gradient, 1.0 - first)
        self._second.mul_(second).addcmul_(gradient, gradient, value=1.0 - second)
        spread = self._second.sqrt()
        mean = self._second.sum(dim=1, keepdim=True) / self._lengths
        floor = self._floor * mean.sqrt()
        tiny = torch.finfo(gradient.dtype).tiny
        move = self._first / spread.add_(floor).clamp_(min=tiny)
        unbias = (1.0 - second**self._step) ** 0.5 / (1.0 - first**self._step)
        return move.mul_(unbias)


class _Search:
    """Each utterance's radius, and the smallest perturbation that has worked."""

    def __init__(self, problem: Problem, shrink: float, patience: int):
        self._problem = problem
        self._shrink = shrink
        self._patience = patience
        self.ball = problem.ball
        # The closest since the radius last changed, and whether it is still to be heard
        self._closest = BestSoFar(problem)
        self._unheard = self._closest.loss.isfinite()
        # The smallest that worked, the largest radius that did not, steps at this one
        self._best = torch.zeros_like(self.ball.clean)
        self._best_loss = torch.full_like(self.ball.radius, torch.inf)
        self._best_size = torch.full_like(self.ball.radius, torch.inf)
        self._too_small = torch.zeros_like(self.ball.radius)
        self._num_steps = torch.zeros_like(self.ball.radius)
        self._num_checks = torch.zeros_like(self.ball.radius, dtype=torch.long)

    def offer(self, delta: torch.Tensor, loss: torch.Tensor) -> None:
        """Look at a step's perturbations, (Batch, Samples), and losses, (Batch,)."""
        self._unheard |= self._closest.offer(delta, loss)
        self._num_steps += 1

    def check(self) -> None:
        """Have the decoder judge what came closer, and change the radii."""
        heard = self._hear()
        stuck = torch.zeros_like(heard)
        if self._patience:
            stuck = self._best_size.isfinite() & (self._num_steps >= self._patience)
            stuck &= ~heard
        if not (heard | stuck).any():
            return
        # 1. Keep what worked, and remember what did not
        keep = heard[:, None]
        torch.where(keep, self._closest.delta, self._best, out=self._best)
        torch.where(heard, self._closest.loss, self._best_loss, out=self._best_loss)
        size = self.ball.size(self._best)
        torch.where(heard, size, self._best_size, out=self._best_size)
        radius = self.ball.radius
        torch.where(stuck, radius, self._too_small, out=self._too_small)

        # 2. Go on between the two, or below where nothing is left between
        self._too_small[self._too_small >= _NARROW * self._best_size] = 0.0
        between = (self._too_small * self._best_size).sqrt()
        wanted = torch.maximum(self._shrink * self._best_size, between)
        moved = heard | stuck
        self.ball = self.ball.with_radius(torch.where(moved, wanted, radius))
        self._closest.loss[moved] = torch.inf
        self._unheard[moved] = False
        self._num_steps[moved] = 0

    def _hear(self) -> torch.Tensor:
        """Tell where the decoder hears the target for the first time, (Batch,)."""
        heard = torch.zeros_like(self._unheard)
        # Nothing is smaller than a perturbation of zero.
        worthwhile = self._unheard & (self._best_size > 0)
        rows = worthwhile.nonzero()[:, 0]
        if len(rows):
            said = self._problem.hear(self._closest.delta[rows], rows)
            cost = self._problem.judge.rows(rows).cost(said)
            heard[rows] = (cost == 0).to(heard.device)
            self._unheard[rows] = False
            self._num_checks[rows] += 1
        return heard & (self.ball.size(self._closest.delta) < self._best_size)

    def attacked(self) -> Attacked:
        """Return the result."""
        worked = self._best_size.isfinite()
        delta = torch.where(worked[:, None], self._best, self._closest.delta)
        loss = torch.where(worked, self._best_loss, self._closest.loss)
        notes = [
            {"radius": size if size < torch.inf else None, "checks": checks}
            for size, checks in zip(
                self._best_size.tolist(), self._num_checks.tolist(), strict=True
            )
        ]
        delta = self._problem.ball.project_(delta)
        loss = self._problem.afresh(delta, loss)
        return Attacked(delta, self._closest.loss_start, loss, notes=notes)


def per_sample_share(ball: Ball) -> torch.Tensor:
    """Tell how much each sample has of a radius that all of them use up, (Batch,).

    That is 1 for L-inf, and one over the root of the number of samples for L2.
    """
    return 1.0 / ball.size(ball.mask).clamp(min=1.0)
