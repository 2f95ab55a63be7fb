"""Turn a condition and a batch into what an attack needs."""

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch

from espnet_mtl.attack.attackers import Attacker, resolve_attacker
from espnet_mtl.attack.balls import make_ball
from espnet_mtl.attack.config import AttackConfig
from espnet_mtl.attack.judge import FileJudge
from espnet_mtl.attack.losses import Loss, WeightedLoss
from espnet_mtl.attack.methods.transfer import MeanLoss
from espnet_mtl.attack.problem import Problem
from espnet_mtl.attack.quantise import FULL_SCALE, quantise
from espnet_mtl.attack.runner.batch import Batch
from espnet_mtl.attack.seeding import seed_of
from espnet_mtl.attack.victim import Listener, Victim
from espnet_mtl.errors import UserError
from espnet_mtl.metrics.wish import Wish


@dataclass(frozen=True)
class Problems:
    """Makes problems of one victim.

    Attributes:
        config: The attack.
        victim: Whose loss is attacked, and who is to be deceived.
        listener: The decoder that is to be deceived.
        sources: Other victims by path, whose losses a transfer attack takes instead.
    """

    config: AttackConfig
    victim: Victim
    listener: Listener
    sources: Mapping[str, Victim]

    def make(
        self,
        batch: Batch,
        attacker: Attacker,
        norm: str,
        budget: float,
        *,
        name: str = "",
        sources: tuple[str, ...] = (),
        donor: Callable[[], Batch] | None = None,
        fitted: torch.Tensor | None = None,
    ) -> Problem:
        """Make a problem.

        Args:
            batch: What is attacked.
            attacker: What the attacker wishes.
            norm: Kind of ball.
            budget: Its radius, or dB.
            name: The attacker's name, which tells its weights for other victims.
            sources: Paths of the victims whose losses are attacked; empty for the
                victim's own.
            donor: Reads as many other utterances.
            fitted: What the attack has been fitted to.

        Returns:
            The problem.
        """
        ball = make_ball(norm, budget, batch.clean, batch.lengths)
        if sources:
            losses = [
                self._loss(self.sources[path], self._as_source(name, path), batch)
                for path in sources
            ]
            loss: Loss = MeanLoss(tuple(losses))
        else:
            loss = self._loss(self.victim, attacker, batch)
        problem = Problem(
            loss=loss,
            ball=ball,
            judge=FileJudge(
                self.listener,
                batch.clean,
                batch.lengths,
                ball.radius,
                self.saver(norm),
                self.wishes(batch, attacker),
            ),
            seeds=[seed_of(self.config.seed, utt) for utt in batch.utterances],
            rate=self.victim.rate,
            fitted=fitted,
        )
        if donor is not None:
            problem = dataclasses.replace(
                problem, donor=lambda: self.make(donor(), attacker, norm, budget)
            )
        return problem

    def wishes(self, batch: Batch, attacker: Attacker) -> list[Wish]:
        """Tell what an attacker wishes to be heard in each utterance of a batch.

        Args:
            batch: The batch.
            attacker: The attacker.

        Returns:
            A wish an utterance.
        """
        return [
            Wish(
                attacker.words,
                batch.targets[utt],
                batch.tables["text"][utt],
                _choose_accent(self, self.victim, attacker, batch, utt),
                attacker.accent,
            )
            for utt in batch.utterances
        ]

    def saver(self, norm: str) -> Callable[[np.ndarray, np.ndarray, float], np.ndarray]:
        """Tell what a file keeps of attacked audio.

        Args:
            norm: Kind of ball.

        Returns:
            A function of clean audio, attacked audio and radius that returns samples.
        """
        if self.config.sample_format == "float32":
            return lambda _clean, attacked, _radius: attacked.astype(np.float32)
        kind = "linf" if norm == "linf" else "l2"
        return lambda clean, attacked, radius: (
            quantise(clean, attacked, kind, radius).astype(np.float32) / FULL_SCALE
        )

    def _as_source(self, name: str, path: str) -> Attacker:
        """What the same attacker wishes of another victim."""
        attacker = resolve_attacker(self.config.attackers[name], self.sources[path])
        if attacker is None:
            raise UserError(f"{path}: {name} leaves all of its branches alone")
        return attacker

    def _loss(self, victim: Victim, attacker: Attacker, batch: Batch) -> Loss:
        """The weighted loss, with whatever is random in front of the victim."""
        words = batch.targets if attacker.words == "target" else batch.tables["text"]
        labels = [
            _choose_accent(self, victim, attacker, batch, utt)
            for utt in batch.utterances
        ]
        loss = WeightedLoss(
            victim,
            attacker.weights,
            batch.lengths,
            [victim.encode_text(words[utt]) for utt in batch.utterances],
            [
                victim.accents.index(label) if label in victim.accents else 0
                for label in labels
            ],
        )
        seeds = [seed_of(self.config.seed, "eot", utt) for utt in batch.utterances]
        return self.config.eot.wrap(loss, batch.lengths, seeds)


def _choose_accent(
    problems: Problems, victim: Victim, attacker: Attacker, batch: Batch, utt: str
) -> str | None:
    """The accent that an attacker goes towards, or for ``away`` from."""
    if not victim.accents:
        return None
    if attacker.accent in victim.accents:
        return attacker.accent
    truth = batch.tables["utt2accent"][utt]
    if attacker.accent == "random":
        others = [name for name in victim.accents if name != truth]
        if others:
            seed = seed_of(problems.config.seed, "accent", utt)
            return others[seed % len(others)]
    elif truth not in victim.accents:
        # Nobody knows its accent: what is heard in the clean audio stands for it.
        row = batch.utterances.index(utt)
        length = int(batch.lengths[row])
        return problems.listener(batch.clean[row, :length].cpu().numpy()).accent
    return truth
