"""How far an attack may go from the clean audio.

A *budget* is a norm and a number, as a configuration has them. A *ball* is what it
means for one batch: a radius for each utterance, the projection onto it, the direction
of steepest ascent in it. An attack works with balls, and need not know which norm it
is.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import ClassVar

import torch

NORMS = ("linf", "l2", "snr")

# In the box [-1, 1] no sample can change by more: a ball of this radius is no bound.
UNBOUNDED = 2.0


def louder(norm: str, budgets: Sequence[float], times: float) -> float:
    """Return a budget that many times as large as the largest of some; dB for SNR."""
    if norm == "snr":
        return min(budgets) - 20.0 * math.log10(times)
    loudest = max(budgets) * times
    return min(loudest, UNBOUNDED) if norm == "linf" else loudest


def make_ball(
    norm: str, budget: float, clean: torch.Tensor, lengths: torch.Tensor
) -> "Ball":
    """Put a ball around each utterance of a batch.

    Args:
        norm: ``linf``: largest change of a sample. ``l2``: Euclidean norm of the
            perturbation over the utterance. ``snr``: power of the clean audio over
            that of the perturbation in dB, which is an L2 ball whose radius goes with
            the utterance's own energy; silent audio has a radius of 0.
        budget: Radius of full scale 1, or dB.
        clean: Waveforms in [-1, 1], zero beyond their lengths, (Batch, Samples).
        lengths: Samples of each, (Batch,).

    Raises:
        ValueError: If there is no such norm.
    """
    if norm == "linf":
        return LinfBall(clean, lengths, torch.full_like(clean[:, 0], budget))
    if norm == "l2":
        return L2Ball(clean, lengths, torch.full_like(clean[:, 0], budget))
    if norm == "snr":
        # In double precision, so that it is the same with any padding.
        energy = torch.linalg.vector_norm(clean.double(), dim=1)
        radius = energy * 10.0 ** (-budget / 20.0)
        return L2Ball(clean, lengths, radius.to(clean.dtype))
    raise ValueError(f"{norm}: no such norm; choose from {', '.join(NORMS)}")


class Ball(ABC):
    """The perturbations that each utterance of a batch may get.

    They are within the radius, keep the audio in [-1, 1], and leave padding zero.

    Args:
        clean: Waveforms in [-1, 1], zero beyond their lengths, (Batch, Samples).
        lengths: Samples of each, (Batch,).
        radius: Radius of each utterance, (Batch,).

    Attributes:
        norm: ``linf`` or ``l2``.
        mask: 1 where there is audio and 0 in the padding, (Batch, Samples).
    """

    norm: ClassVar[str]

    def __init__(
        self, clean: torch.Tensor, lengths: torch.Tensor, radius: torch.Tensor
    ):
        self.clean = clean
        self.lengths = lengths
        self.radius = radius
        positions = torch.arange(clean.shape[1], device=clean.device)
        self.mask = (positions < lengths[:, None]).to(clean.dtype)

    def __len__(self) -> int:
        return len(self.clean)

    def with_radius(self, radius: torch.Tensor) -> "Ball":
        """Return the ball with other radii, (Batch,)."""
        return type(self)(self.clean, self.lengths, radius)

    def around(self, clean: torch.Tensor) -> "Ball":
        """Return the ball around other audio of the same lengths, (Batch, Samples)."""
        return type(self)(clean, self.lengths, self.radius)

    def rows(self, rows: torch.Tensor) -> "Ball":
        """Return the ball of some utterances; ``rows`` are their numbers, (Rows,)."""
        return type(self)(self.clean[rows], self.lengths[rows], self.radius[rows])

    @abstractmethod
    def project_(self, delta: torch.Tensor) -> torch.Tensor:
        """Bring perturbations into the ball, in place, and return them."""

    @abstractmethod
    def direction_(self, gradient: torch.Tensor) -> torch.Tensor:
        """Turn a finite gradient into the direction of steepest ascent, in place.

        Steps have length 1 in the ball's norm, and 0 where the gradient is zero.
        """

    @abstractmethod
    def size(self, delta: torch.Tensor) -> torch.Tensor:
        """Measure perturbations in the ball's norm, (Batch,)."""

    @abstractmethod
    def _draw(self, length: int, generator: torch.Generator) -> torch.Tensor:
        """Draw a perturbation of a ball of radius 1, (Samples,)."""

    def random(self, seeds: Sequence[int]) -> torch.Tensor:
        """Draw a perturbation for each utterance, (Batch, Samples).

        It is uniform in the cube for ``linf``, uniform on the sphere for ``l2``, and
        depends on the utterance's seed alone, not on its batch.
        """
        delta = self.draw_each(self._draw, seeds)
        return self.project_(delta.mul_(self.radius[:, None]))

    def draw_each(
        self, draw: Callable[[int, torch.Generator], torch.Tensor], seeds: Sequence[int]
    ) -> torch.Tensor:
        """Draw a row of its own length for each utterance, (Batch, Samples)."""
        drawn = torch.zeros_like(self.clean)
        lengths = self.lengths.tolist()
        for row, (seed, length) in enumerate(zip(seeds, lengths, strict=True)):
            # Drawn on the CPU, so that every device has the same.
            generator = torch.Generator().manual_seed(seed)
            drawn[row, :length] = draw(length, generator).to(drawn)
        return drawn


class LinfBall(Ball):
    """No sample changes by more than the radius (Goodfellow et al. 2015, section 3)."""

    norm = "linf"

    def __init__(
        self, clean: torch.Tensor, lengths: torch.Tensor, radius: torch.Tensor
    ):
        super().__init__(clean, lengths, radius)
        # Ball, box and padding in one pair of bounds: a single clamp for each step.
        reach = radius[:, None] * self.mask
        self.lowest = torch.maximum(-1.0 - clean, -reach).clamp_(max=0.0)
        self.highest = torch.minimum(1.0 - clean, reach).clamp_(min=0.0)

    def project_(self, delta: torch.Tensor) -> torch.Tensor:
        return delta.clamp_(self.lowest, self.highest)

    def direction_(self, gradient: torch.Tensor) -> torch.Tensor:
        return gradient.sign_()

    def size(self, delta: torch.Tensor) -> torch.Tensor:
        return delta.abs().amax(dim=1)

    def _draw(self, length: int, generator: torch.Generator) -> torch.Tensor:
        return torch.rand(length, generator=generator) * 2.0 - 1.0


class L2Ball(Ball):
    """The perturbation's Euclidean norm is at most the radius (Madry et al. 2018, 2).

    The projection scales to the sphere and then cuts to [-1, 1], which stays inside
    both but is not the nearest point where both bind.
    """

    norm = "l2"

    def __init__(
        self, clean: torch.Tensor, lengths: torch.Tensor, radius: torch.Tensor
    ):
        super().__init__(clean, lengths, radius)
        self._lowest = (-1.0 - clean).clamp_(max=0.0)
        self._highest = (1.0 - clean).clamp_(min=0.0)

    def project_(self, delta: torch.Tensor) -> torch.Tensor:
        delta.mul_(self.mask)
        norm = torch.linalg.vector_norm(delta, dim=1)
        tiny = torch.finfo(delta.dtype).tiny
        delta.mul_((self.radius / norm.clamp_(min=tiny)).clamp_(max=1.0)[:, None])
        return delta.clamp_(self._lowest, self._highest)

    def direction_(self, gradient: torch.Tensor) -> torch.Tensor:
        gradient.mul_(self.mask)
        # Scaled by the peak first: squares of tiny gradients would vanish.
        tiny = torch.finfo(gradient.dtype).tiny
        gradient.div_(gradient.abs().amax(dim=1, keepdim=True).clamp_(min=tiny))
        norm = torch.linalg.vector_norm(gradient, dim=1, keepdim=True)
        return gradient.div_(norm.clamp_(min=tiny))

    def size(self, delta: torch.Tensor) -> torch.Tensor:
        norm: torch.Tensor = torch.linalg.vector_norm(delta, dim=1)
        return norm

    def _draw(self, length: int, generator: torch.Generator) -> torch.Tensor:
        noise = torch.randn(length, generator=generator)
        norm: torch.Tensor = torch.linalg.vector_norm(noise)
        return noise / norm.clamp(min=1e-12)
