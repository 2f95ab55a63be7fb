"""A black-box attack that sees only transcripts: random search."""

from dataclasses import dataclass

import torch

from espnet_mtl.attack.methods.base import Method, Traits
from espnet_mtl.attack.methods.square import Stretches
from espnet_mtl.attack.problem import Attacked, Problem

SHORTEST = 1.0 / 64.0  # stretch, of the utterance


@dataclass(frozen=True)
class TranscriptSearch(Method):
    """Change random stretches of samples, and keep what does not raise the edits.

    The attacker sends audio and reads its transcript, and knows nothing else of the
    model (hard labels). The edits in characters between target and transcript guide the
    search. Most changes do not alter the transcript; they are kept as well, so that the
    search drifts over a plateau until it finds its edge. Once the goal is reached, no
    more transcripts are asked for.

    Genetic attacks (Alzantot et al. 2018, arXiv 1801.00554; Taori et al. 2019, arXiv
    1805.07820) breed a population, and select by scores of the victim, which tell more
    than a transcript: the first by class scores, the second by CTC's loss.

    Deviations from these: one perturbation that mutates rather than a population, no
    crossover, no momentum on the mutations, and no gradients estimated at the end.
    Mutations are those of ``SquareAttack``: stretches of random sign noise as loud as
    the ball allows. Their lengths are log-uniform, from a 64th of the utterance to all
    of it, since nothing tells how far away the edge of a plateau is.

    Attributes:
        queries: Most transcripts asked for with each utterance, that of the clean audio
            among them.
    """

    traits = Traits(
        kind="black_box", listens=True, blind=None, needs=None, in_suites=True
    )

    queries: int = 200

    def __post_init__(self) -> None:
        self.check_above_zero("queries")

    @torch.no_grad()
    def __call__(self, problem: Problem) -> Attacked:
        """Attack a batch; see ``Method``."""
        search = _Search(problem, self.queries)
        for query in range(1, self.queries):
            if not search.step(query):
                break
        notes = [{"queries": number} for number in search.num_heard.tolist()]
        return Attacked.without_loss(search.best, notes)


class _Search:
    """Where the search of each utterance is.

    Attributes:
        best: Perturbation of lowest cost, in words and then in characters, of all that
            were heard, (Batch, Samples).
        num_heard: Transcripts asked for, (Batch,).
    """

    def __init__(self, problem: Problem, queries: int):
        ball = problem.ball
        self._problem = problem
        self._stretches = Stretches(ball, problem.seeds_for("transcript"), queries)
        self.best = torch.zeros_like(ball.clean)
        self._words, self._chars = _costs(problem, self.best)
        self.num_heard = torch.ones_like(ball.lengths)
        # Where the next change is made: noise everywhere comes first.
        self._delta = torch.zeros_like(ball.clean)
        self._level = torch.full_like(self._chars, torch.inf)
        self._narrow(torch.arange(len(problem), device=ball.clean.device))

    def _narrow(self, rows: torch.Tensor) -> None:
        """Go on with some utterances; ``rows`` are their numbers, (Rows,)."""
        self._rows = rows
        self._part = self._problem.rows(rows)
        self._changes = self._stretches.rows(rows)

    def step(self, query: int) -> bool:
        """Try a change of each utterance; return ``False`` if none is searching."""
        # 1. Those who still search
        searching = self._words[self._rows] > 0.0
        if not searching.all():
            self._narrow(self._rows[searching])
        rows = self._rows
        if not len(rows):
            return False

        # 2. Change a stretch, and hear
        chance = self._changes.chance(query)
        share = torch.ones_like(chance) if query == 1 else SHORTEST**chance
        tried = self._changes.replace(self._part.ball, self._delta[rows], query, share)
        words, chars = _costs(self._part, tried)
        self.num_heard[rows] += 1

        # 3. Go where it is no worse; remember the best
        kept = rows[chars <= self._level[rows]]
        self._delta[kept] = tried[chars <= self._level[rows]]
        self._level[rows] = torch.minimum(chars, self._level[rows])
        better = words < self._words[rows]
        better |= (words == self._words[rows]) & (chars < self._chars[rows])
        self.best[rows[better]] = tried[better]
        self._words[rows[better]] = words[better]
        self._chars[rows[better]] = chars[better]
        return True


def _costs(problem: Problem, delta: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Hear perturbations; return what they cost in words and characters, (Batch,)."""
    heard = problem.hear(delta)
    words, chars = (problem.judge.cost(heard, unit) for unit in ("word", "char"))
    return words.to(delta), chars.to(delta)
