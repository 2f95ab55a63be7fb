"""One batch to be attacked, and what an attack makes of it."""

from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import torch

from espnet_mtl.attack.balls import Ball
from espnet_mtl.attack.eot import ExpectedLoss
from espnet_mtl.attack.losses import Loss
from espnet_mtl.metrics.wish import Heard
from espnet_mtl.results.record import Attempt, Doubled, Health, Planted, Smallest
from espnet_mtl.seeding import seed_of


class Judge(Protocol):
    """Listens to attacked audio as it would be saved, with the real decoder."""

    def hear(self, delta: torch.Tensor) -> list[Heard]:
        """Return what is heard in each utterance.

        Args:
            delta: Perturbations, (Batch, Samples).
        """
        ...

    def cost(self, heard: Sequence[Heard], unit: str = "word") -> torch.Tensor:
        """Measure how far what was heard is from the attacker's goal, (Batch,).

        0 means that the goal is reached. For a target, the cost is the number of edits
        between it and the transcript, in words or characters (``unit`` ``word``,
        ``char``).
        """
        ...

    def around(self, clean: torch.Tensor) -> "Judge":
        """Return the judge of perturbations of other audio, (Batch, Samples)."""
        ...

    def within(self, ball: Ball) -> "Judge":
        """Return the judge of files that stay in another ball, of the same audio."""
        ...

    def rows(self, rows: torch.Tensor) -> "Judge":
        """Return the judge of some utterances; ``rows`` are their numbers, (Rows,)."""
        ...


class Effort:
    """What has been spent on each utterance of a batch, whatever spends it.

    The parts of a batch count into the same numbers.

    Args:
        size: Utterances in the batch.

    Attributes:
        gradients: How often the loss was differentiated, (Batch,).
        decodings: How often the decoder was asked, (Batch,).
    """

    def __init__(self, size: int):
        self.gradients = torch.zeros(size, dtype=torch.long)
        self.decodings = torch.zeros(size, dtype=torch.long)
        self._rows = torch.arange(size)

    def rows(self, rows: torch.Tensor) -> "Effort":
        """Count for some utterances only; ``rows`` are their numbers, (Rows,)."""
        part = copy(self)
        part._rows = self._rows[rows.cpu()]
        return part

    def add(self, *, gradients: int = 0, decodings: int = 0) -> None:
        """Count what was spent on each of the utterances."""
        self.gradients[self._rows] += gradients
        self.decodings[self._rows] += decodings


@dataclass(frozen=True)
class Problem:
    """One batch to be attacked.

    Attributes:
        loss: What the attack minimises.
        ball: Around the clean audio; has the audio and its lengths.
        judge: Tells whether the attacker has reached the goal.
        seeds: Seed of each utterance.
        rate: Sampling rate in Hz.
        donor: Makes the problem of as many other utterances, in the same order;
            ``None`` where there are none.
        fitted: What the attack's ``fit`` returned, for an attack that has one.
        start: Perturbations in the ball to start from, such as those found in a smaller
            one, (Batch, Samples); ``None`` where there are none.
        effort: Counts what the attack spends; ``None`` where nobody asks.
    """

    loss: Loss
    ball: Ball
    judge: Judge
    seeds: Sequence[int]
    rate: int
    donor: "Callable[[], Problem] | None" = None
    fitted: torch.Tensor | None = None
    start: torch.Tensor | None = None
    effort: Effort | None = None

    def __len__(self) -> int:
        return len(self.ball)

    def rows(self, rows: torch.Tensor) -> "Problem":
        """Return the problem of some utterances: ``rows`` are their numbers."""
        donor = self.donor
        return replace(
            self,
            loss=self.loss.rows(rows),
            ball=self.ball.rows(rows),
            judge=self.judge.rows(rows),
            seeds=[self.seeds[n] for n in rows.tolist()],
            donor=None if donor is None else lambda: donor().rows(rows),
            start=None if self.start is None else self.start[rows],
            effort=None if self.effort is None else self.effort.rows(rows),
        )

    def hear(
        self, delta: torch.Tensor, rows: torch.Tensor | None = None
    ) -> list[Heard]:
        """Ask the judge what is heard, which counts; see ``Judge``.

        Args:
            delta: Perturbations, (Batch, Samples).
            rows: Numbers of the utterances that they are of, (Batch,); all by default.
        """
        judge, effort = self.judge, self.effort
        if rows is not None:
            judge, effort = judge.rows(rows), effort and effort.rows(rows)
        if effort is not None:
            effort.add(decodings=1)
        return judge.hear(delta)

    def elsewhere(self, *purpose: object) -> "Problem":
        """Return the problem with other seeds, so that restarts begin elsewhere."""
        return replace(self, seeds=self.seeds_for(*purpose))

    def with_ball(self, ball: Ball) -> "Problem":
        """Return the problem in another ball around the same audio."""
        return replace(self, ball=ball)

    @property
    def randomised(self) -> bool:
        """Whether the loss is an average over random draws, other ones at each call."""
        return isinstance(self.loss, ExpectedLoss)

    @property
    def gradients_a_step(self) -> int:
        """How many gradients the average of random draws takes; 1 without draws."""
        return self.loss.eot.draws if isinstance(self.loss, ExpectedLoss) else 1

    def again(self, delta: torch.Tensor, loss: torch.Tensor) -> torch.Tensor:
        """Return the loss of earlier perturbations on the draws of the last call.

        The lowest of many estimates is the one with the luckiest draws. So what was
        found before and what is found now are compared on the same draws, which neither
        was chosen for. Without random draws, this is ``loss``.

        Args:
            delta: Perturbations, (Batch, Samples).
            loss: What is known of their loss, (Batch,).
        """
        if not isinstance(self.loss, ExpectedLoss):
            return loss
        with torch.no_grad():
            return self.loss.again(self.ball.clean + delta).nan_to_num(nan=torch.inf)

    def afresh(self, delta: torch.Tensor, loss: torch.Tensor) -> torch.Tensor:
        """Return the loss of perturbations on new draws; see :meth:`again`."""
        if not self.randomised:
            return loss
        with torch.no_grad():
            return self.loss(self.ball.clean + delta)

    def seeds_for(self, *purpose: object) -> list[int]:
        """Derive a seed of each utterance for a purpose, such as ``("restart", 2)``.

        Two random choices are then not the same.
        """
        return [seed_of(seed, *purpose) for seed in self.seeds]


@dataclass(frozen=True)
class Attacked:
    """What an attack found.

    Sequences are empty where there is nothing to say; else they have one item for each
    utterance.

    Attributes:
        delta: Perturbation of each utterance, (Batch, Samples).
        loss_start: Loss without perturbation, (Batch,); NaN where the attack does not
            look at it.
        loss_end: Loss with the perturbation, (Batch,).
        lowest: Perturbation of lowest loss, where a further attack goes on, (Batch,
            Samples); ``None`` where it is ``delta``. What the decoder hears changes by
            whole words, and seldom; the loss says where they are nearly changed.
        prefix: Audio that is played before each utterance, (Prefix samples,); empty
            for an attack that only adds to the utterance.
        notes: What the attack itself has to report, such as its number of queries;
            values that JSON can hold.
        heard: What the decoder heard in the result.
        attempts: The members of a suite that the utterance went through.
        doubled: What as many gradients again have changed; ``None`` where the utterance
            was broken before.
        smallest: The smallest budget that breaks each.
        planted: Searches for examples that were planted in the victim.
        health: How the victim behaves at the clean audio.
    """

    delta: torch.Tensor
    loss_start: torch.Tensor
    loss_end: torch.Tensor
    lowest: torch.Tensor | None = None
    prefix: torch.Tensor = field(default_factory=lambda: torch.zeros(0))
    notes: Sequence[Mapping[str, Any]] = ()
    heard: Sequence[str | None] = ()
    attempts: Sequence[tuple[Attempt, ...]] = ()
    doubled: Sequence[Doubled | None] = ()
    smallest: Sequence[Smallest] = ()
    planted: Sequence[tuple[Planted, ...]] = ()
    health: Sequence[Health] = ()

    @classmethod
    def without_loss(
        cls, delta: torch.Tensor, notes: Sequence[Mapping[str, Any]] = ()
    ) -> "Attacked":
        """Wrap the perturbations of an attack that looks at no loss."""
        nothing = delta.new_full((len(delta),), torch.nan)
        return cls(delta, nothing, nothing, notes=notes)


class BestSoFar:
    """Each utterance's best perturbation, by loss; NaN never wins.

    Where the loss is random, the best so far is judged anew with each candidate, on the
    same draws; see ``Problem.again``.

    Args:
        problem: The batch. The unperturbed audio is the first candidate.

    Attributes:
        delta: (Batch, Samples).
        loss: (Batch,).
        loss_start: Loss of the unperturbed audio, (Batch,).
    """

    def __init__(self, problem: Problem):
        self._problem = problem
        with torch.no_grad():
            self.loss_start = problem.loss(problem.ball.clean)
        self.delta = torch.zeros_like(problem.ball.clean)
        self.loss = torch.nan_to_num(self.loss_start, nan=torch.inf)

    def offer(self, delta: torch.Tensor, loss: torch.Tensor) -> torch.Tensor:
        """Take over, in place, what has a lower loss; return which rows, (Batch,).

        Args:
            delta: Perturbations, (Batch, Samples).
            loss: Their losses, of the problem's last call, (Batch,).
        """
        if self._problem.randomised:
            held = self._problem.again(self.delta, self.loss)
            # One that counts for nothing has to stay that.
            torch.where(self.loss.isfinite(), held, self.loss, out=self.loss)
        better = loss < self.loss
        torch.where(better, loss, self.loss, out=self.loss)
        torch.where(better[:, None], delta, self.delta, out=self.delta)
        return better

    def begin(self, delta: torch.Tensor) -> None:
        """Take perturbations, (Batch, Samples), as the best, whatever their loss."""
        with torch.no_grad():
            loss = self._problem.loss(self._problem.ball.clean + delta)
        self.delta = delta.clone()
        self.loss = torch.nan_to_num(loss, nan=torch.inf)

    def rows(self, rows: torch.Tensor, problem: Problem) -> "BestSoFar":
        """Return the best of some utterances; ``rows`` are their numbers, (Rows,).

        Args:
            problem: The problem of these.
        """
        part = copy(self)
        part._problem = problem
        part.delta, part.loss = self.delta[rows], self.loss[rows]
        part.loss_start = self.loss_start[rows]
        return part

    def attacked(self) -> Attacked:
        """Return the result."""
        loss = self._problem.afresh(self.delta, self.loss)
        return Attacked(self.delta, self.loss_start, loss)


def finite(value: torch.Tensor) -> float | None:
    """Turn a value into a number; ``None`` for NaN and infinity, which JSON lacks."""
    return float(value) if value.isfinite() else None


def loss_and_gradient(
    problem: Problem, delta: torch.Tensor, *, clean_up: bool = True
) -> tuple[torch.Tensor, torch.Tensor]:
    """Differentiate the loss with respect to the waveform, and to nothing else.

    Args:
        problem: The batch.
        delta: Perturbations, (Batch, Samples); left as they are.
        clean_up: Whether to set a gradient to zero where it is not finite. The check is
            a pass over the batch, which an attack that checks for itself can save.

    Returns:
        Loss of each utterance, (Batch,), and its gradient, (Batch, Samples).
    """
    if problem.effort is not None:
        problem.effort.add(gradients=problem.gradients_a_step)
    delta = delta.detach().requires_grad_(True)
    values = problem.loss(problem.ball.clean + delta)
    if not values.requires_grad:  # a victim may hide its gradient: then it is zero
        return values, torch.zeros_like(delta)
    (gradient,) = torch.autograd.grad(values.sum(), delta)
    # That of a plain sum is one number, shown at each sample: it cannot be written to.
    gradient = gradient.contiguous()
    if clean_up and not torch.linalg.vector_norm(gradient, 1, dim=1).isfinite().all():
        gradient = gradient.nan_to_num(nan=0.0, posinf=0.0, neginf=0.0)
    return values.detach(), gradient
