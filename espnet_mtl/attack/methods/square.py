"""A black-box attack that sees the loss but no gradient: random search."""

from dataclasses import dataclass, replace

import torch

from espnet_mtl.attack.balls import Ball
from espnet_mtl.attack.methods.base import Method, Traits
from espnet_mtl.attack.methods.noise import fill_, flat_level
from espnet_mtl.attack.problem import Attacked, BestSoFar, Problem
from espnet_mtl.errors import UserError

# Of 10000 queries: after which of them a stretch is half as long as before.
HALVINGS = (10, 50, 200, 1000, 2000, 4000, 6000, 8000)

NUM_SIGNS = 1 << 14  # of each utterance; noise starts anywhere among them
NUM_HOLDS = 4  # a sign stands for 1, 2, 4 or 8 samples


@dataclass(frozen=True)
class SquareAttack(Method):
    """Change random stretches of samples, and keep what lowers the loss.

    After Andriushchenko et al. 2020 (arXiv 1912.00049, section 3): all perturbations
    tried are as loud as the ball allows, and a stretch gets shorter with the schedule
    of section 3.1. It needs the victim's scores, not its gradients. An attack with
    gradients that does worse is misled by its gradients.

    Deviations: a waveform has stretches instead of squares, and the search starts with
    random sign noise over the utterance instead of stripes. A stretch gets random sign
    noise rather than one sign, which would be a tone below all speech; each sign is
    held for 1 to 8 samples, so that high and low frequencies are tried. In an L2 ball
    (section 3.3) the stretch gets noise of a quarter to four times the level that fills
    the ball, and the whole is scaled to the sphere; the paper moves energy from a
    second square. The unperturbed audio is also a candidate.

    Attributes:
        queries: Losses asked for with each utterance; twice as many where they are
            random, as the best so far is then asked for anew with each.
        share: Length of the first stretches, of the utterance's.
    """

    traits = Traits(
        kind="black_box", listens=False, blind=None, needs=None, in_suites=True
    )

    queries: int = 1000
    share: float = 0.3

    def __post_init__(self) -> None:
        self.check_above_zero("queries")
        if not 0.0 < self.share <= 1.0:
            raise UserError(f"share: {self.share}: give a number above 0, up to 1")

    @torch.no_grad()
    def __call__(self, problem: Problem) -> Attacked:
        """Attack a batch; see ``Method``."""
        ball = problem.ball
        best = BestSoFar(problem)
        stretches = Stretches(ball, problem.seeds_for("square"), self.queries)
        delta = torch.zeros_like(ball.clean)
        lowest = torch.full_like(best.loss, torch.inf)
        for query in range(self.queries):
            # 1. Noise everywhere at first, then in a stretch
            share = 1.0 if query == 0 else self._share_at(query)
            tried = stretches.replace(ball, delta, query, share)

            # 2. Each utterance takes it or leaves it
            loss = problem.loss(ball.clean + tried)
            if query:
                lowest = problem.again(delta, lowest)
            taken = (loss < lowest) | (query == 0)
            delta = torch.where(taken[:, None], tried, delta)
            lowest = torch.where(loss < lowest, loss, lowest)
        best.offer(delta, problem.afresh(delta, lowest))
        asked = self.queries * (2 if problem.randomised else 1)
        notes = [{"queries": asked} for _ in range(len(problem))]
        return replace(best.attacked(), notes=notes)

    def _share_at(self, query: int) -> float:
        """Return the length of a query's stretch, of the utterance's."""
        scaled = query * 10000 / self.queries
        return self.share * 0.5 ** sum(scaled > halving for halving in HALVINGS)


class Stretches:
    """Stretches of random sign noise: one for each query of each utterance.

    An utterance's stretches depend on its seed alone.
    """

    def __init__(self, ball: Ball, seeds: list[int], queries: int):
        signs, chances = [], []
        for seed in seeds:
            # Drawn on the CPU, so that every device has the same.
            generator = torch.Generator().manual_seed(seed)
            signs.append(torch.randint(2, (NUM_SIGNS,), generator=generator) * 2 - 1)
            numbers = torch.rand(queries, 5, generator=generator, dtype=torch.float64)
            chances.append(numbers)
        self._signs = torch.stack(signs).to(ball.clean)
        self._chances = torch.stack(chances).to(ball.clean.device)

    def rows(self, rows: torch.Tensor) -> "Stretches":
        """Return those of some utterances; ``rows`` are their numbers, (Rows,)."""
        chosen = object.__new__(Stretches)
        chosen._signs, chosen._chances = self._signs[rows], self._chances[rows]
        return chosen

    def chance(self, query: int) -> torch.Tensor:
        """Return a number in [0, 1) that :meth:`replace` does not use, (Batch,)."""
        return self._chances[:, query, 4]

    def replace(
        self, ball: Ball, delta: torch.Tensor, query: int, share: torch.Tensor | float
    ) -> torch.Tensor:
        """Put noise into a stretch of each perturbation, (Batch, Samples).

        The results are as loud as the ball allows. ``share`` is the stretch's length,
        of the utterance's; one for all or (Batch,).
        """
        place, first_sign, hold, gain, _ = self._chances[:, query].unbind(1)
        size = (ball.lengths * share).round().long().clamp(min=1)
        room = (ball.lengths - size).clamp(min=0)
        start = torch.minimum((place * (room + 1)).long(), room)[:, None]
        positions = torch.arange(delta.shape[1], device=delta.device) - start
        inside = (positions >= 0) & (positions < size[:, None])

        # The signs from there on, each held for some samples
        hold = 2 ** (hold * NUM_HOLDS).long()[:, None]
        first_sign = (first_sign * NUM_SIGNS).long()[:, None]
        number = positions.clamp_(min=0) // hold + first_sign
        signs = self._signs.gather(1, number % NUM_SIGNS)
        level = flat_level(ball)
        if ball.norm == "l2":
            # Energy can move to where it helps.
            level = level * (2.0 ** (4.0 * gain - 2.0)).to(level)[:, None]
        else:
            # The first sample always changes: a short stretch could stay as it is.
            turn = torch.where(delta.gather(1, start) > 0.0, -1.0, 1.0)
            signs = signs * signs.gather(1, start) * turn
        return fill_(ball, torch.where(inside, signs * level, delta))
