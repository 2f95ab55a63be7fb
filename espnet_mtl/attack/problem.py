"""One batch to be attacked, and what an attack makes of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import torch

from espnet_mtl.attack.balls import Ball
from espnet_mtl.attack.losses import Loss
from espnet_mtl.attack.seeding import seed_of


class Judge(Protocol):
    """Listens to attacked audio as it would be saved, with the real decoder."""

    def hear(self, delta: torch.Tensor) -> list[str]:
        """Return what is heard in each utterance with its perturbation.

        Args:
            delta: Perturbations, (Batch, Samples).
        """
        ...

    def cost(self, heard: Sequence[str], unit: str = "word") -> torch.Tensor:
        """Tell how far from the attacker's wish each transcript is.

        Args:
            heard: A transcript for each utterance, as :meth:`hear` returns.
            unit: ``word`` or ``char``: what edits are counted in.

        Returns:
            0 where the wish is fulfilled and more the farther, (Batch,). For a target:
            edits between it and the transcript.
        """
        ...

    def rows(self, rows: torch.Tensor) -> "Judge":
        """Return the judge of some utterances; ``rows`` are their numbers, (Rows,)."""
        ...


@dataclass(frozen=True)
class Problem:
    """One batch to be attacked.

    Attributes:
        loss: What is to be made small.
        ball: Around the clean audio; has the audio and its lengths.
        judge: Tells whether the attacker has succeeded.
        seeds: Seed of each utterance.
        rate: Sampling rate in Hz.
        donor: Makes the problem of as many other utterances, in the same order;
            ``None`` where there are none.
        fitted: What the attack's ``fit`` returned, for an attack that has one.
    """

    loss: Loss
    ball: Ball
    judge: Judge
    seeds: Sequence[int]
    rate: int
    donor: "Callable[[], Problem] | None" = None
    fitted: torch.Tensor | None = None

    def __len__(self) -> int:
        return len(self.ball)

    def rows(self, rows: torch.Tensor) -> "Problem":
        """Choose utterances.

        Args:
            rows: Their numbers in the batch, (Rows,).

        Returns:
            The problem of these alone.
        """
        donor = self.donor
        return replace(
            self,
            loss=self.loss.rows(rows),
            ball=self.ball.rows(rows),
            judge=self.judge.rows(rows),
            seeds=[self.seeds[n] for n in rows.tolist()],
            donor=None if donor is None else lambda: donor().rows(rows),
        )

    def with_ball(self, ball: Ball) -> "Problem":
        """Return the problem in another ball around the same audio."""
        return replace(self, ball=ball)

    def seeds_for(self, *purpose: object) -> list[int]:
        """Derive seeds, so that two random choices are not the same.

        Args:
            *purpose: What for, such as ``("restart", 2)``.

        Returns:
            A seed of each utterance.
        """
        return [seed_of(seed, *purpose) for seed in self.seeds]


@dataclass(frozen=True)
class Attacked:
    """What an attack found.

    Attributes:
        delta: Perturbation of each utterance, (Batch, Samples).
        loss_start: Loss without perturbation, (Batch,); not a number where the
            attack does not look at it.
        loss_end: Loss with the perturbation, (Batch,).
        notes: What else is worth recording of each utterance, as JSON holds it; empty
            or one an utterance.
        prefix: Audio that is played before each utterance, (Prefix samples,); empty
            for an attack that only adds to the utterance.
    """

    delta: torch.Tensor
    loss_start: torch.Tensor
    loss_end: torch.Tensor
    notes: Sequence[dict[str, Any]] = ()
    prefix: torch.Tensor = field(default_factory=lambda: torch.zeros(0))

    @classmethod
    def blind(cls, delta: torch.Tensor) -> "Attacked":
        """Wrap perturbations of an attack that looks at no loss."""
        nothing = delta.new_full((len(delta),), torch.nan)
        return cls(delta, nothing, nothing)


class Attack(Protocol):
    """An attack with its settings: a frozen dataclass, one file each."""

    def __call__(self, problem: Problem) -> Attacked:
        """Attack a batch."""
        ...


class BestSoFar:
    """Each utterance's best perturbation, by loss; what is not a number never wins.

    Args:
        problem: The batch. The unperturbed audio is the first candidate.

    Attributes:
        delta: (Batch, Samples).
        loss: (Batch,).
        loss_start: Loss of the unperturbed audio, (Batch,).
    """

    def __init__(self, problem: Problem):
        with torch.no_grad():
            self.loss_start = problem.loss(problem.ball.clean)
        self.delta = torch.zeros_like(problem.ball.clean)
        self.loss = torch.nan_to_num(self.loss_start, nan=torch.inf)

    def offer(self, delta: torch.Tensor, loss: torch.Tensor) -> torch.Tensor:
        """Take over, in place, the utterances whose loss has fallen.

        Args:
            delta: Perturbations, (Batch, Samples).
            loss: Their losses, (Batch,).

        Returns:
            Which they are, (Batch,).
        """
        better = loss < self.loss
        torch.where(better, loss, self.loss, out=self.loss)
        torch.where(better[:, None], delta, self.delta, out=self.delta)
        return better

    def attacked(self) -> Attacked:
        """Return the result."""
        return Attacked(self.delta, self.loss_start, self.loss)


def loss_and_gradient(
    problem: Problem, delta: torch.Tensor, *, clean_up: bool = True
) -> tuple[torch.Tensor, torch.Tensor]:
    """Differentiate the loss with respect to the waveform, and to nothing else.

    Args:
        problem: The batch.
        delta: Perturbations, (Batch, Samples); left as they are.
        clean_up: Whether to look for what is no finite number, which is a pass over the
            batch that an attack may save where it looks itself.

    Returns:
        Loss of each utterance, (Batch,), and its gradient, (Batch, Samples): zero where
        it is no finite number.
    """
    delta = delta.detach().requires_grad_(True)
    values = problem.loss(problem.ball.clean + delta)
    if not values.requires_grad:  # a victim may hide its gradient: that is a zero one
        return values, torch.zeros_like(delta)
    (gradient,) = torch.autograd.grad(values.sum(), delta)
    if clean_up and not torch.linalg.vector_norm(gradient, 1, dim=1).isfinite().all():
        gradient = gradient.nan_to_num(nan=0.0, posinf=0.0, neginf=0.0)
    return values.detach(), gradient
