"""An active test of an attack: does it find an adversarial example that is there?

That an attack finds nothing can mean that there is nothing, or that it does not search
well. So an example is planted, which is known to exist and hard to find by chance, and
the attack has to find it (Zimmermann et al. 2022, NeurIPS, "Increasing confidence in
adversarial robustness evaluations", section 3: the binarisation test).

Here the victim gets a lock in front of its ear. Its key is a secret perturbation in a
small ball; the more of it is there, the more of a loud adversarial example, which makes
the victim say the target, is mixed into what it hears. The lock has wheels: each is a
part of the samples, and shows by its gradient where it has to stand only once the
wheels before it are in place. An attack has to turn as often as there are wheels, so
their number says how hard the search is, and the share that was opened how far it came.

Deviations: Zimmermann et al. replace a classifier's last layer by one that is trained
to tell the planted point from others. A recogniser has no such layer, and its decoder
need not be differentiable, so the lock sits in front of the audio, where it is the same
for CTC, attention, joint decoding and language models. The gradient still comes through
all of the victim, so that masked gradients hide the planted example, too. Behind the
lock the victim hears nothing else of the perturbation: it would have weaknesses of its
own in the ball, away from the key, and a search that follows them would look weak.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch

from espnet_mtl.attack.balls import Ball
from espnet_mtl.attack.losses import Loss
from espnet_mtl.attack.problem import (
    Attacked,
    BestSoFar,
    Judge,
    Problem,
    loss_and_gradient,
)
from espnet_mtl.attack.quantise import FULL_SCALE, FileFormat
from espnet_mtl.attack.suite import SuiteMember, worst_case
from espnet_mtl.metrics.wish import Heard
from espnet_mtl.results.record import Planted

DIFFICULTIES: Mapping[str, int] = {"easy": 4, "medium": 16, "hard": 32}
"""Wheels of the lock, by what it is called.

``tests/benchmarks/planted_difficulty.py`` measures which attack opens which.
"""

TOLERANCE = 0.2
"""How far off a wheel in place may be, of the distance of the clean audio.

Rounding to 16 bits, or a last step of the attack, may not lock it again.
"""

# A lock that is so far open is open: what is left of a last wheel decides nothing.
_OPEN = 0.95

# What the loss has lost where the way to the loud audio begins, and where it may end
_FLAT, _LEVELS = 0.25, (0.8, 0.9, 0.95, 0.98)
_PLACES = 20  # on it
_MARGIN = 0.1  # of it; a lock that is nearly open is enough then

# Gradients to where the target is surely heard; the first step, of the ball's radius
_STEPS_BEYOND, _STEP_SIZE = 20, 0.1

_pad = torch.nn.functional.pad


@dataclass(frozen=True)
class Lock:
    """A lock that a secret perturbation opens.

    The samples belong to the wheels in turn. The distance of a wheel is that of its
    samples from the key: 1 for the clean audio, more for most perturbations. As it
    falls, from wherever it is, the wheel opens its part of the lock more and more. It
    counts for the wheels after it only from 1 down to the tolerance, where it is in
    place.

    Attributes:
        clean: Waveforms, (Batch, Samples).
        key: The perturbation, zero in the padding, (Batch, Samples).
        wheels: How many there are.
    """

    clean: torch.Tensor
    key: torch.Tensor
    wheels: int

    def opened(self, speech: torch.Tensor) -> torch.Tensor:
        """Tell how far the lock is open, from 0 to 1, (Batch,); differentiable."""
        # 1. The square of each wheel's distance; within the tolerance all is the same
        size = self._by_wheel(self.key.square())
        off = self._by_wheel((speech - self.clean - self.key).square())
        off = off / size.clamp(min=torch.finfo(size.dtype).tiny)
        off = off.clamp(min=TOLERANCE**2)
        # 2. What each opens, and what it lets those after it open
        near = (1 + TOLERANCE**2) / (1 + off)
        in_place = ((1 - off.sqrt()) / (1 - TOLERANCE)).clamp(min=0.0)
        before = _pad(in_place[:, :-1].cumprod(dim=1), (1, 0), value=1.0)
        return ((near * before).mean(dim=1) / _OPEN).clamp(max=1.0)

    def rows(self, rows: torch.Tensor) -> "Lock":
        """Return the lock of some utterances; ``rows`` are their numbers, (Rows,)."""
        return replace(self, clean=self.clean[rows], key=self.key[rows])

    def _by_wheel(self, squares: torch.Tensor) -> torch.Tensor:
        """Sum over each wheel's samples, (Batch, Wheels)."""
        lacking = -squares.shape[1] % self.wheels
        padded = _pad(squares, (0, lacking))
        return padded.reshape(len(squares), -1, self.wheels).sum(dim=1)


@dataclass(frozen=True)
class Plant:
    """A planted example: what the victim hears, by how far the lock is open.

    Attributes:
        lock: The lock.
        loud: What is heard behind the lock, (Batch, Samples).
        start: Share of it that is heard with a lock that is closed, (Batch,).
    """

    lock: Lock
    loud: torch.Tensor
    start: torch.Tensor

    def hear(self, speech: torch.Tensor) -> torch.Tensor:
        """Turn waveforms into what the victim hears, (Batch, Samples)."""
        share = self.start + (1 - self.start) * self.lock.opened(speech)
        return torch.lerp(self.lock.clean, self.loud, share[:, None])

    def in_front_of(self, problem: Problem, judge: "PlantedJudge") -> Problem:
        """Plant it in the victim of a problem; ``judge`` is what judges then."""
        return replace(problem, loss=PlantedLoss(problem.loss, self), judge=judge)

    def rows(self, rows: torch.Tensor) -> "Plant":
        """Return the example of some utterances; ``rows`` are their numbers."""
        return Plant(self.lock.rows(rows), self.loud[rows], self.start[rows])


@dataclass(frozen=True)
class PlantedLoss:
    """The loss of a victim with a planted example; a ``Loss``."""

    loss: Loss
    plant: Plant

    def __call__(self, speech: torch.Tensor) -> torch.Tensor:
        """Calculate the loss; see ``Loss``."""
        return self.loss(self.plant.hear(speech))

    def rows(self, rows: torch.Tensor) -> "PlantedLoss":
        """Choose utterances; see ``Loss``."""
        return PlantedLoss(self.loss.rows(rows), self.plant.rows(rows))

    def longer(self, samples: int) -> "PlantedLoss":
        """Refuse longer audio: an example is planted in a ball around the utterance."""
        raise NotImplementedError("a planted example is for audio of its own length")


@dataclass(frozen=True)
class PlantedJudge:
    """Judges what a victim with a planted example hears in a file; a ``Judge``.

    Attributes:
        judge: Of the victim itself; it has to take the audio as it comes, since what
            comes from behind the lock is not what is in the file.
        plant: The planted example.
        ball: Around the clean audio.
        file: What a file holds of the attacked audio, before it comes to the lock.
    """

    judge: Judge
    plant: Plant
    ball: Ball
    file: FileFormat

    def hear(self, delta: torch.Tensor) -> list[Heard]:
        """Listen to each utterance; see ``Judge``."""
        heard = self.plant.hear(self.in_file(delta))
        return self.judge.hear(heard - self.ball.clean)

    def cost(self, heard: Sequence[Heard], unit: str = "word") -> torch.Tensor:
        """Compare with the goals; see ``Judge``."""
        return self.judge.cost(heard, unit)

    def around(self, clean: torch.Tensor) -> "PlantedJudge":
        """Refuse other audio: the key is for this one; see ``Judge``."""
        raise NotImplementedError("a planted example is for its own audio")

    def within(self, ball: Ball) -> "PlantedJudge":
        """Listen to files that stay in another ball; see ``Judge``."""
        return replace(self, ball=ball)

    def rows(self, rows: torch.Tensor) -> "PlantedJudge":
        """Choose utterances; see ``Judge``."""
        return replace(
            self,
            judge=self.judge.rows(rows),
            plant=self.plant.rows(rows),
            ball=self.ball.rows(rows),
        )

    def opened(self, delta: torch.Tensor) -> torch.Tensor:
        """Tell how far a file opens the lock, from 0 to 1, (Batch,)."""
        return self.plant.lock.opened(self.in_file(delta))

    def in_file(self, delta: torch.Tensor) -> torch.Tensor:
        """Return attacked audio as a file holds it, (Batch, Samples)."""
        return self.file.batch(self.ball, delta)


def find_planted(
    members: Sequence[SuiteMember],
    loud: torch.Tensor,
    file: FileFormat,
) -> Attacked:
    """Plant examples from easy to hard, and let attacks search for each.

    Args:
        members: The attacks, as in a suite, in a ball in which the victim itself
            resists. Their judges have to take audio as it comes.
        loud: Audio in which the victim hears the target, (Batch, Samples).
        file: What a file holds of attacked audio.

    Returns:
        What was found of each difficulty. The perturbations are those of the hardest
        that was found, else where the search for the hardest ended.
    """
    problem = members[0].problem
    key = draw_key(problem.ball, problem.seeds_for("planted"))
    heard, start = choose_way(problem, go_beyond(problem, loud))
    delta = torch.zeros_like(key)
    planted: list[list[Planted]] = [[] for _ in range(len(problem))]
    for difficulty, wheels in DIFFICULTIES.items():
        # 1. Plant it, where one can be
        example = Plant(Lock(problem.ball.clean, key, wheels), heard, start)
        judge = PlantedJudge(problem.judge, example, problem.ball, file)
        victims = [
            replace(one, problem=example.in_front_of(one.problem, judge))
            for one in members
        ]
        exists = is_there(judge, key)
        found, opened = torch.zeros_like(exists), torch.zeros_like(start)
        gradients = [0] * len(problem)

        # 2. Search for it
        rows = torch.nonzero(exists)[:, 0]
        if len(rows):
            parts = [one.on(rows, None) for one in victims]
            attacked = worst_case(parts)
            found[rows] = torch.tensor(
                [any(a.success for a in each) for each in attacked.attempts]
            ).to(found)
            opened[rows] = judge.rows(rows).opened(attacked.delta)
            for row, each in zip(rows.tolist(), attacked.attempts, strict=True):
                gradients[row] = sum(one.gradients for one in each)
            never = [not any(one.found for one in planted[n]) for n in rows.tolist()]
            keep = found[rows] | torch.tensor(never).to(found)
            delta[rows[keep]] = attacked.delta[keep]

        # 3. Say what came of it
        for row, told in enumerate(planted):
            told.append(
                Planted(
                    difficulty=difficulty,
                    wheels=wheels,
                    exists=bool(exists[row]),
                    found=bool(found[row]),
                    opened=round(float(opened[row]), 4),
                    gradients=gradients[row],
                )
            )
    return replace(Attacked.without_loss(delta), planted=list(map(tuple, planted)))


def is_there(judge: PlantedJudge, key: torch.Tensor) -> torch.Tensor:
    """Tell where a planted example is one, (Batch,).

    With the key, in a file, the lock is open and the goal is reached; without any
    perturbation it is not. A ball may be too small for what a file can hold, and the
    loud audio not loud enough.

    Args:
        judge: Of the victim with the planted example.
        key: What opens the lock, (Batch, Samples).
    """
    nothing = torch.zeros_like(key)
    with_key, without = (judge.cost(judge.hear(delta)) for delta in (key, nothing))
    return (judge.opened(key) == 1) & (with_key == 0) & (without > 0)


def draw_key(ball: Ball, seeds: Sequence[int]) -> torch.Tensor:
    """Draw random signs of half the ball's radius, (Batch, Samples).

    Each sample is a whole number of 16-bit levels, as far as there is one: a file keeps
    it as it is.
    """

    def draw(length: int, generator: torch.Generator) -> torch.Tensor:
        return torch.randint(0, 2, (length,), generator=generator) * 2.0 - 1.0

    signs = ball.draw_each(draw, seeds)
    size = (ball.radius / 2 / ball.size(signs).clamp(min=1.0))[:, None]
    levels = (size * FULL_SCALE).round() / FULL_SCALE
    return ball.project_(signs * torch.where(levels > 0, levels, size))


def go_beyond(problem: Problem, loud: torch.Tensor) -> torch.Tensor:
    """Take a few more steps from audio that has just deceived the victim.

    Where an attack stops as soon as the target is heard, a little less of its
    perturbation is not enough, and no more of it either: the target would be heard with
    the key alone, to the last sample.

    Args:
        problem: The batch.
        loud: Audio in which the victim hears the target, (Batch, Samples).

    Returns:
        Audio of lower loss, with a perturbation up to twice as large.
    """
    clean = problem.ball.clean
    delta = loud - clean
    ball = problem.ball.with_radius(2 * problem.ball.size(delta))
    problem = problem.with_ball(ball)
    best = BestSoFar(problem)
    best.begin(delta)
    for step in range(_STEPS_BEYOND):
        values, gradient = loss_and_gradient(problem, delta)
        best.offer(delta, values)
        length = _STEP_SIZE * (1 - step / _STEPS_BEYOND) * ball.radius
        delta = ball.project_(delta - ball.direction_(gradient) * length[:, None])
    with torch.no_grad():
        best.offer(delta, problem.loss(clean + delta))
    return clean + best.delta


def choose_way(
    problem: Problem, loud: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Choose the part of the way from clean to loud audio on which the loss falls.

    At its beginning the loss of some utterances is flat, which would hide the key from
    any attack; at its end nothing changes any more, and half a key would do.

    Args:
        problem: The batch; its judge takes audio as it comes.
        loud: Audio in which the victim hears the target, (Batch, Samples).

    Returns:
        Audio at the end of that part, and how much of it is heard at the beginning,
        from 0 to below 1, (Batch,).
    """
    clean = problem.ball.clean
    shares = torch.linspace(0.0, 1.0, _PLACES + 1, device=clean.device)
    with torch.no_grad():
        losses = torch.stack([problem.loss(torch.lerp(clean, loud, s)) for s in shares])
    fall = (losses[0] - losses) / (losses[0] - losses[-1])
    # 1. The last place where little has been lost
    first = _PLACES - 1 - (fall[:-1] <= _FLAT).flip(0).to(torch.int).argmax(0)
    # 2. The first where enough has been lost for the decoder, and a little farther;
    # else the whole way
    end = torch.ones_like(shares[first])
    rows = torch.arange(len(end), device=end.device)
    for level in _LEVELS:
        last = (fall[:, rows] >= level).to(torch.int).argmax(0)
        there = shares[torch.maximum(last, first[rows] + 1)]
        judge = problem.judge.rows(rows)
        heard = judge.hear(there[:, None] * (loud - clean)[rows])
        is_enough = (judge.cost(heard) == 0).to(end.device)
        end[rows[is_enough]] = there[is_enough]
        rows = rows[~is_enough]
        if not len(rows):
            break
    end = (end + _MARGIN).clamp(max=1.0)
    return torch.lerp(clean, loud, end[:, None]), shares[first] / end
