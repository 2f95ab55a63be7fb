"""One perturbation for all utterances."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import torch
from torch.nn import functional

from espnet_mtl.attack.balls import Ball
from espnet_mtl.attack.methods.base import Method, Traits
from espnet_mtl.attack.methods.noise import fill_
from espnet_mtl.attack.problem import Attacked, Problem, loss_and_gradient
from espnet_mtl.errors import UserError

MODES = ("add", "prepend")


@dataclass(frozen=True)
class Universal(Method):
    """One perturbation for all utterances, fitted on some and applied to others.

    Moosavi-Dezfooli et al. 2017 (arXiv 1610.08401, algorithm 1) for images, Neekhara et
    al. 2019 (arXiv 1905.03828, algorithm 1) for speech, and Raina et al. 2024 (arXiv
    2405.06134, the prepended segment) for audio that is played before the utterance,
    which itself stays as it is.

    For ``linf``, the perturbation keeps to the radius, which is the same for all
    utterances. Other balls have a radius for each utterance: what is fitted is a
    direction, and each utterance gets it as loud as its ball allows. Audio played
    before cannot be scaled for each utterance, so that ``prepend`` needs a radius that
    is the same for all, as ``linf`` and ``l2`` have and ``snr`` has not.

    Deviations: the mean loss of a batch is minimised by steps of steepest descent with
    momentum, where the papers add up steps that take one utterance after another over
    the boundary. All utterances count, including those that are already broken. The
    perturbation is repeated until the utterance ends, so that long audio is not spared.
    Steps shrink from epoch to epoch, and the last perturbation is taken. The gradient
    ignores clipping to [-1, 1].

    Attributes:
        fit_data: Data directory of the utterances to fit on; ``valid`` for the
            validation set of a recipe.
        epochs: How often to go over them.
        step_size: Length of the first step, of the radius.
        momentum: What is kept of the earlier gradients, from 0 (nothing) to below 1.
        seconds: Length of the perturbation.
        mode: ``add``: added to the utterance, again and again. ``prepend``: played
            before it.
    """

    traits = Traits(
        kind="white_box", listens=False, blind=None, needs="fit", in_suites=False
    )

    fit_data: str = ""
    epochs: int = 20
    step_size: float = 0.1
    momentum: float = 0.75
    seconds: float = 1.0
    mode: str = "add"

    def __post_init__(self) -> None:
        if not self.fit_data:
            raise UserError(
                "fit_data: universal needs utterances to fit on: give a data "
                "directory, other than the one that is attacked"
            )
        self.check_above_zero("epochs", "step_size", "seconds")
        if not 0.0 <= self.momentum < 1.0:
            raise UserError(
                f"momentum: {self.momentum}: give a number from 0 to below 1"
            )
        if self.mode not in MODES:
            raise UserError(f"mode: '{self.mode}': choose from {', '.join(MODES)}")

    def fit(self, problems: Callable[[], Iterable[Problem]]) -> torch.Tensor:
        """Fit the perturbation, (Samples,); see ``Method``.

        For ``linf`` it is within the radius, else of a norm of at most 1.

        Raises:
            UserError: If there is nothing to fit on.
        """
        shared = None
        for epoch in range(self.epochs):
            for problem in problems():
                if shared is None:
                    shared = self._shared_ball(problem)
                    vector = torch.zeros_like(shared.clean)
                    direction = torch.zeros_like(shared.clean)
                gradient = self._gradient(problem, vector)
                # Batches and steps count the same, however steep the loss is there.
                tiny = torch.finfo(gradient.dtype).tiny
                gradient = functional.normalize(gradient, p=1.0, dim=1, eps=tiny)
                direction.mul_(self.momentum).add_(gradient)
                size = -self.step_size * (1.0 - epoch / self.epochs) * shared.radius
                move = shared.direction_(direction.clone())
                vector = shared.project_(vector.addcmul_(move, size[:, None]))
        if shared is None:
            raise UserError(f"fit_data: {self.fit_data}: there are no utterances")
        return vector[0]

    def __call__(self, problem: Problem) -> Attacked:
        """Apply what was fitted; see ``Method``."""
        if problem.fitted is None:
            raise ValueError("universal: has to be fitted before it is run")
        vector = problem.fitted.to(problem.ball.clean)[None]
        if self.mode == "prepend":
            return _prepended(problem, vector)
        ball = problem.ball
        delta = _fill(ball, _repeat(ball, vector))
        with torch.no_grad():
            return Attacked(
                delta, problem.loss(ball.clean), problem.loss(ball.clean + delta)
            )

    def _shared_ball(self, problem: Problem) -> Ball:
        """The ball of the perturbation itself; for L2, of its direction."""
        samples = max(1, round(self.seconds * problem.rate))
        ball = _ball_of_silence(problem.ball, samples)
        if ball.norm == "linf":
            return ball
        return ball.with_radius(torch.ones_like(ball.radius))

    def _gradient(self, problem: Problem, vector: torch.Tensor) -> torch.Tensor:
        """Differentiate the sum of the losses by the perturbation, (1, Samples)."""
        samples = vector.shape[1]
        if self.mode == "prepend":
            ball = _prefix_ball(problem.ball, samples)
            longer, delta = _play_before(problem, _fill(ball, vector.clone()))
            _, gradient = loss_and_gradient(longer, delta)
            heard = gradient[:, :samples].sum(dim=0, keepdim=True)
            return _before_filling(ball, vector, heard)
        ball = problem.ball
        repeated = _repeat(ball, vector)
        _, gradient = loss_and_gradient(problem, _fill(ball, repeated.clone()))
        gradient = _before_filling(ball, repeated, gradient).sum(dim=0)
        gradient = functional.pad(gradient, (0, -len(gradient) % samples))
        return gradient.view(-1, samples).sum(dim=0, keepdim=True)


def _repeat(ball: Ball, vector: torch.Tensor) -> torch.Tensor:
    """Repeat (1, Samples) until each utterance ends, (Batch, Samples)."""
    width = ball.clean.shape[1]
    times = -(-width // vector.shape[1])
    return vector.repeat(1, times)[:, :width] * ball.mask


def _fill(ball: Ball, delta: torch.Tensor) -> torch.Tensor:
    """Bring perturbations into the ball, and to the sphere where it is an L2 one."""
    return ball.project_(delta) if ball.norm == "linf" else fill_(ball, delta)


def _before_filling(
    ball: Ball, delta: torch.Tensor, gradient: torch.Tensor
) -> torch.Tensor:
    """Take a gradient back through :func:`_fill`, (Batch, Samples).

    For an L2 ball, what would only change the length of ``delta`` is left out, as the
    length does not matter. At zero there is no direction yet, and the gradient only
    gets the weight of the radius.
    """
    gradient = gradient * ball.mask
    if ball.norm == "linf":
        return gradient
    size = ball.size(delta)[:, None]
    size = torch.where(size > 0.0, size, torch.ones_like(size))
    unit = delta / size
    gradient = gradient - (gradient * unit).sum(dim=1, keepdim=True) * unit
    return gradient * (ball.radius[:, None] / size)


def _ball_of_silence(ball: Ball, samples: int) -> Ball:
    """The smallest of the utterances' balls, around silence of another length.

    L-inf radii differ a little: around audio on 16-bit levels, they are a whole number
    of them.
    """
    silence = ball.clean.new_zeros(1, samples)
    length = ball.lengths.new_tensor([samples])
    return type(ball)(silence, length, ball.radius.min()[None])


def _prefix_ball(ball: Ball, samples: int) -> Ball:
    if ball.norm != "linf" and not (ball.radius == ball.radius[0]).all():
        raise UserError(
            "mode: 'prepend': with norm snr each utterance has a budget of its own, "
            "but the audio before it is the same for all: choose norm linf or l2"
        )
    return _ball_of_silence(ball, samples)


def _play_before(
    problem: Problem, prefix: torch.Tensor
) -> tuple[Problem, torch.Tensor]:
    """Put silence before each utterance, and a prefix, (1, Prefix samples), into it.

    Returns:
        The problem of the longer audio, to ask for its loss and nothing else, and the
        perturbations that put the prefix there, (Batch, Prefix samples + Samples).
    """
    ball, samples = problem.ball, prefix.shape[1]
    clean = functional.pad(ball.clean, (samples, 0))
    longer = replace(
        problem,
        loss=problem.loss.longer(samples),
        ball=type(ball)(clean, ball.lengths + samples, ball.radius),
    )
    delta = prefix.expand(len(problem), -1)
    return longer, functional.pad(delta, (0, ball.clean.shape[1]))


@torch.no_grad()
def _prepended(problem: Problem, vector: torch.Tensor) -> Attacked:
    clean = problem.ball.clean
    prefix = _fill(_prefix_ball(problem.ball, vector.shape[1]), vector.clone())
    longer, delta = _play_before(problem, prefix)
    return Attacked(
        torch.zeros_like(clean),
        problem.loss(clean),
        longer.loss(longer.ball.clean + delta),
        prefix=prefix[0],
    )
