"""Expectation over transformations: attack the average of a random victim."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch.autograd.function import once_differentiable

from espnet_mtl.attack.losses import Loss
from espnet_mtl.errors import UserError
from espnet_mtl.seeding import seed_of


@dataclass(frozen=True)
class EOT:
    """Random transformations to average over (Athalye et al. 2018, 1707.07397, 2.1).

    Each draw plays the audio louder or softer, then earlier or later, then with noise.
    Without any of the three, the average is over whatever is random in the victim
    itself.

    Deviations: the distance to the clean audio is not averaged over transformations,
    since a ball bounds it; the transformations are our own, for audio.

    Attributes:
        draws: Number of draws that each value of the loss is the mean of.
        gaussian: Standard deviation of the noise, of full scale 1.
        shift: Largest shift in samples, either way; for a short utterance at most half
            of its length. What is shifted out is lost and zeros come in, as in a
            recording that begins late or early. (A circular shift would play the last
            word first.)
        gain_db: Largest gain in dB, either way.
    """

    draws: int = 1
    gaussian: float = 0.0
    shift: int = 0
    gain_db: float = 0.0

    def __post_init__(self) -> None:
        if self.draws < 1:
            raise UserError(f"draws: {self.draws}: give a number above 0")
        for name in ("gaussian", "shift", "gain_db"):
            value = getattr(self, name)
            if not 0.0 <= value < math.inf:
                raise UserError(f"{name}: {value}: give 0 or a number above")

    @property
    def transforms(self) -> bool:
        """Whether there is any transformation."""
        return bool(self.gaussian or self.shift or self.gain_db)

    def wrap(self, loss: Loss, lengths: torch.Tensor, seeds: Sequence[int]) -> Loss:
        """Average a loss over draws, unless there is nothing to average."""
        if self.draws == 1 and not self.transforms:
            return loss
        return ExpectedLoss(loss, self, lengths, tuple(map(Draws, seeds)))

    def transform(
        self, speech: torch.Tensor, lengths: torch.Tensor, seeds: Sequence[int]
    ) -> torch.Tensor:
        """Transform waveforms (Batch, Samples), differentiably; padding stays zero.

        The result is clipped to [-1, 1], as a recorder would do, and as victims may
        expect. An utterance's draw depends on its seed alone, not on its batch.
        """
        # Drawn on the CPU, so that every device has the same.
        generators = [torch.Generator().manual_seed(seed) for seed in seeds]
        positions = torch.arange(speech.shape[1], device=speech.device)
        if self.gain_db:
            decibels = self.gain_db * _uniform(generators).to(speech)
            speech = speech * 10.0 ** (decibels / 20.0)
        if self.shift:
            most = (lengths // 2).clamp(max=self.shift)[:, None]
            moved = (_uniform(generators).to(lengths.device) * most).round().long()
            source = positions - moved
            inside = (source >= 0) & (source < lengths[:, None])
            speech = speech.gather(1, source.clamp(0, speech.shape[1] - 1)) * inside
        if self.gaussian:
            noise = torch.zeros(speech.shape)
            drawn = zip(generators, lengths.tolist(), strict=True)
            for row, (generator, length) in enumerate(drawn):
                noise[row, :length] = torch.randn(length, generator=generator)
            speech = speech + self.gaussian * noise.to(speech)
        # A tail that was moved over the end is padding again.
        return speech.clamp(-1.0, 1.0) * (positions < lengths[:, None])


class Draws:
    """The draws of one utterance, one after another: a seed each."""

    def __init__(self, seed: int):
        self._seed = seed
        self._taken = 0

    def take(self, number: int) -> list[int]:
        """Return the seeds of the next draws."""
        self._taken += number
        return self.last(number)

    def last(self, number: int) -> list[int]:
        """Return the seeds of the draws that were taken last, once more."""
        taken = range(self._taken - number, self._taken)
        return [seed_of(self._seed, "draw", place) for place in taken]


@dataclass(frozen=True)
class ExpectedLoss:
    """A loss averaged over random draws; a ``Loss``.

    Every call draws anew. What an utterance gets depends only on its seed and on how
    often its loss has been calculated; rows that are chosen from the batch continue
    where the batch stopped.

    With several draws, only the gradient of each is kept and not its graph, so that
    memory is that of a single draw. This relies, as all attacks do, on each utterance's
    loss depending on its own audio alone.

    Attributes:
        lengths: Samples of each utterance, (Batch,).
        draws: Draws of each utterance.
    """

    loss: Loss
    eot: EOT
    lengths: torch.Tensor
    draws: Sequence[Draws]

    def __call__(self, speech: torch.Tensor) -> torch.Tensor:
        """Estimate the loss; see ``Loss``."""
        return self._estimate(speech, [one.take(self.eot.draws) for one in self.draws])

    def again(self, speech: torch.Tensor) -> torch.Tensor:
        """Estimate the loss of other audio on the draws of the last call, (Batch,).

        Whatever is random in the victim itself is drawn anew.
        """
        return self._estimate(speech, [one.last(self.eot.draws) for one in self.draws])

    def rows(self, rows: torch.Tensor) -> "ExpectedLoss":
        """Choose utterances; see ``Loss``."""
        return replace(
            self,
            loss=self.loss.rows(rows),
            lengths=self.lengths[rows],
            draws=tuple(self.draws[n] for n in rows.tolist()),
        )

    def longer(self, samples: int) -> "ExpectedLoss":
        """Allow for longer audio; see ``Loss``."""
        return replace(
            self, loss=self.loss.longer(samples), lengths=self.lengths + samples
        )

    def _estimate(
        self, speech: torch.Tensor, seeds: Sequence[Sequence[int]]
    ) -> torch.Tensor:
        """Average over draws; ``seeds`` are those of each utterance."""
        draws = list(zip(*seeds, strict=True))
        if len(draws) == 1:
            return self._draw(speech, draws[0])
        mean: torch.Tensor = _Mean.apply(speech, self._draw, draws)  # type: ignore[no-untyped-call]
        return mean

    def _draw(self, speech: torch.Tensor, seeds: Sequence[int]) -> torch.Tensor:
        if self.eot.transforms:
            speech = self.eot.transform(speech, self.lengths, seeds)
        return self.loss(speech)


class _Mean(torch.autograd.Function):
    """Mean of several draws of a loss, and of their gradients."""

    @staticmethod
    def forward(
        ctx: Any,
        speech: torch.Tensor,
        draw: Callable[..., torch.Tensor],
        draws: Sequence[Sequence[int]],
    ) -> torch.Tensor:
        wanted = ctx.needs_input_grad[0]
        slope = torch.zeros_like(speech)
        total = speech.new_zeros(len(speech))
        for seeds in draws:
            with torch.set_grad_enabled(wanted):
                leaf = speech.detach().requires_grad_(wanted)
                values = draw(leaf, seeds)
                if values.requires_grad:  # a victim may hide its gradient: a zero one
                    slope += torch.autograd.grad(values.sum(), leaf)[0]
            total += values.detach()
        ctx.save_for_backward(slope / len(draws))
        return total / len(draws)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor, None, None]:
        (slope,) = ctx.saved_tensors
        return gradient[:, None] * slope, None, None


def _uniform(generators: Sequence[torch.Generator]) -> torch.Tensor:
    """Draw a number from -1 to 1 for each utterance, (Batch, 1)."""
    drawn = [torch.rand(1, generator=generator) for generator in generators]
    return torch.stack(drawn) * 2.0 - 1.0
