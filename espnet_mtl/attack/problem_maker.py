"""From a trial and a batch to what an attack is run on."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch

from espnet_mtl.attack.attackers import Attacker
from espnet_mtl.attack.bound import BoundAttack, BoundTrial
from espnet_mtl.attack.judge import FileJudge
from espnet_mtl.attack.losses import Loss, MeanLoss, WeightedLoss
from espnet_mtl.attack.problem import Problem
from espnet_mtl.attack.quantise import FileFormat
from espnet_mtl.attack.victim import Hear, Victim
from espnet_mtl.metrics.wish import Wish
from espnet_mtl.seeding import seed_of


@dataclass(frozen=True)
class Batch:
    """Audio of some utterances, and what is known of each.

    Attributes:
        utterances: Their ids.
        clean: Their audio in [-1, 1], zero beyond its length, (Batch, Samples).
        lengths: Samples of each, (Batch,).
        targets: What an attacker may want to be heard.
        texts: What was said.
        accents: Accent labels of the data; a victim need not know them.
    """

    utterances: tuple[str, ...]
    clean: torch.Tensor
    lengths: torch.Tensor
    targets: Sequence[str]
    texts: Sequence[str]
    accents: Sequence[str]

    def __len__(self) -> int:
        return len(self.utterances)

    def of(self, utterances: Sequence[str]) -> "Batch":
        """Return the batch of some of the utterances, at least one."""
        if len(utterances) == len(self):
            return self
        rows = [self.utterances.index(utt) for utt in utterances]
        lengths = self.lengths[rows]
        return Batch(
            tuple(utterances),
            self.clean[rows, : int(lengths.max())],
            lengths,
            [self.targets[row] for row in rows],
            [self.texts[row] for row in rows],
            [self.accents[row] for row in rows],
        )


@dataclass(frozen=True)
class ProblemMaker:
    """Makes the problems of attacks on one victim, deceiving one decoder (``hear``)."""

    victim: Victim
    hear: Hear
    file: FileFormat
    seed: int

    def make(
        self,
        bound: BoundTrial,
        attack: BoundAttack,
        batch: Batch,
        *,
        donor: Callable[[], Batch] | None = None,
        fitted: torch.Tensor | None = None,
        start: torch.Tensor | None = None,
        draws: Sequence[int] = (),
        epoch: int = 0,
    ) -> Problem:
        """Make the problem of one of a trial's attacks.

        Args:
            bound: The trial.
            attack: One of its attacks.
            batch: What is attacked.
            donor: Reads as many other utterances.
            fitted: What the attack has been fitted to.
            start: Perturbations found with a smaller budget, (Batch, Samples).
            draws: How often to listen to each utterance; see ``FileJudge``.
            epoch: How often the batch has been seen before, where something is fitted
                on it: ``eot`` draws anew each time.
        """
        # 1. Where to look, and when the goal is reached
        ball = self.file.ball(bound.ball(batch.clean, batch.lengths))
        judge = FileJudge(
            self.hear,
            ball,
            self.file,
            self.wishes(batch, attack.attacker),
            draws,
        )

        # 2. What to minimise
        losses = [self._loss(*aim, batch) for aim in attack.aims]
        loss = losses[0] if len(losses) == 1 else MeanLoss(losses)
        purpose = ("eot", epoch) if epoch else ("eot",)
        eot_seeds = [seed_of(self.seed, *purpose, utt) for utt in batch.utterances]
        loss = attack.eot.wrap(loss, batch.lengths, eot_seeds)

        # 3. Seeds: others where the same attack is repeated
        seeds = [seed_of(self.seed, utt) for utt in batch.utterances]
        if attack.again:
            seeds = [seed_of(seed, "again", attack.again) for seed in seeds]

        problem = Problem(
            loss, ball, judge, seeds, self.victim.rate, fitted=fitted, start=start
        )
        if donor is None:
            return problem
        first = replace(attack, again=0)
        return replace(problem, donor=lambda: self.make(bound, first, donor()))

    def wishes(self, batch: Batch, attacker: Attacker) -> list[Wish]:
        """Say what an attacker aims at in each utterance of a batch."""
        return [
            Wish(
                attacker.words,
                batch.targets[row],
                batch.texts[row],
                self._choose_accent(self.victim, attacker, batch, row),
                attacker.accent,
            )
            for row in range(len(batch))
        ]

    def _loss(self, victim: Victim, attacker: Attacker, batch: Batch) -> Loss:
        """Weigh a victim's losses."""
        texts = batch.targets if attacker.words == "target" else batch.texts
        labels = [
            self._choose_accent(victim, attacker, batch, row)
            for row in range(len(batch))
        ]
        return WeightedLoss(
            victim,
            attacker.weights,
            batch.lengths,
            [victim.encode_text(text) for text in texts],
            [
                victim.accents.index(label) if label in victim.accents else 0
                for label in labels
            ],
        )

    def _choose_accent(
        self, victim: Victim, attacker: Attacker, batch: Batch, row: int
    ) -> str | None:
        """Choose the accent that an attacker goes towards, or for ``away`` from."""
        if not victim.accents:
            return None
        if attacker.accent in victim.accents:
            return attacker.accent
        truth: str | None = batch.accents[row]
        if truth not in victim.accents and attacker.hears_accent:
            # The one heard in the clean audio stands for it.
            length = int(batch.lengths[row])
            truth = self.hear(batch.clean[row, :length].cpu().numpy()).accent
        if attacker.accent == "random":
            others = [name for name in victim.accents if name != truth]
            if others:
                seed = seed_of(self.seed, "accent", batch.utterances[row])
                return others[seed % len(others)]
        return truth
