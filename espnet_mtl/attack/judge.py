"""Whether an attacker has reached the goal: the real decoder judges."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from espnet_mtl.attack.balls import Ball
from espnet_mtl.attack.quantise import FULL_SCALE, FileFormat
from espnet_mtl.attack.victim import Hear, hear_all
from espnet_mtl.metrics.wish import Heard, Wish

DRAWS = 5
"""How often a decoder listens that is random in any way."""


@dataclass(frozen=True)
class FileJudge:
    """Judges what a file of the attacked audio would hold; a ``Judge``.

    A decoder that is random in any way may be deceived once and not again. Whoever
    stops there has found a lucky draw and no attack (AutoAttack's pull requests 104 and
    105 are about that fault). So such a decoder listens several times, and of all that
    it hears, what is furthest from the goal counts: an attack has to succeed in every
    draw.

    One whose noise depends on the audio draws afresh only where the audio changes: so
    each further time one sample is a level nearer to the clean one.

    Attributes:
        listener: The real decoder.
        ball: Around the clean audio, in which a file stays.
        file: What a file holds.
        wishes: The goal in each utterance.
        draws: How often to listen to each utterance; once where it is empty.
    """

    listener: Hear
    ball: Ball
    file: FileFormat
    wishes: Sequence[Wish]
    draws: Sequence[int] = ()

    def hear(self, delta: torch.Tensor) -> list[Heard]:
        """Listen to each utterance; see ``Judge``."""
        samples = self.file.samples(self.ball, delta)
        heard = hear_all(self.listener, samples)
        for row, draws in enumerate(self.draws):
            clean = self.ball.clean[row, : len(samples[row])].cpu().numpy()
            again = [_nudge(samples[row], clean, n) for n in range(1, draws)]
            found = [heard[row], *hear_all(self.listener, again)]
            heard[row] = max(found, key=self.wishes[row].cost)
        return heard

    def cost(self, heard: Sequence[Heard], unit: str = "word") -> torch.Tensor:
        """Compare with the goals; see ``Judge``."""
        costs = [w.cost(h, unit) for w, h in zip(self.wishes, heard, strict=True)]
        return torch.tensor(costs, device=self.ball.clean.device)

    def around(self, clean: torch.Tensor) -> "FileJudge":
        """Listen around other audio; see ``Judge``."""
        return replace(self, ball=self.ball.around(clean))

    def within(self, ball: Ball) -> "FileJudge":
        """Listen to files that stay in another ball; see ``Judge``."""
        return replace(self, ball=ball)

    def rows(self, rows: torch.Tensor) -> "FileJudge":
        """Choose utterances; see ``Judge``."""
        return replace(
            self,
            ball=self.ball.rows(rows),
            wishes=[self.wishes[n] for n in rows.tolist()],
            draws=[self.draws[n] for n in rows.tolist()] if self.draws else (),
        )


def _nudge(samples: np.ndarray, clean: np.ndarray, number: int) -> np.ndarray:
    """Move the ``number``-th changed sample by a level towards the clean audio."""
    changed = np.flatnonzero(samples != clean)
    if not len(changed):
        return samples
    place = changed[number % len(changed)]
    nudged = samples.copy()
    step = clean[place] - samples[place]
    nudged[place] += np.clip(step, -1 / FULL_SCALE, 1 / FULL_SCALE)
    return nudged
