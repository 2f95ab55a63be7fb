"""Performs a trial on a batch: one attack, a suite, or a search."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch

from espnet_mtl.attack.bound import BoundAttack, BoundTrial
from espnet_mtl.attack.judge import DRAWS
from espnet_mtl.attack.planted import find_planted
from espnet_mtl.attack.problem import Attacked, Problem
from espnet_mtl.attack.problem_maker import Batch, ProblemMaker
from espnet_mtl.attack.quantise import FileFormat
from espnet_mtl.attack.runner.writer import audio_path
from espnet_mtl.attack.smallest import Found, find_smallest
from espnet_mtl.attack.suite import SuiteMember, worst_case
from espnet_mtl.data.audio import read_audio
from espnet_mtl.results.record import Record
from espnet_mtl.results.trial import PLANTED


@dataclass(frozen=True)
class Performer:
    """Performs the trials of a plan.

    Attributes:
        maker: Makes problems of trials and batches.
        plan: All trials: one may go on from what others have saved.
        output_dir: Where the audio of finished trials is.
        unsteady: Utterances of which the victim hears something else each time; see
            :meth:`learn`.
    """

    maker: ProblemMaker
    plan: Sequence[BoundTrial]
    output_dir: Path
    unsteady: set[str] = field(default_factory=set)

    def learn(self, records: Iterable[Record]) -> None:
        """Learn from the check of the untouched audio where to listen several times."""
        self.unsteady.update(
            one.utt for one in records if one.health and one.health.is_random
        )

    def perform(
        self,
        bound: BoundTrial,
        batch: Batch,
        *,
        donor: Callable[[], Batch] | None = None,
        fitted: torch.Tensor | None = None,
    ) -> Attacked:
        """Attack a batch in one trial.

        Args:
            bound: The trial. Those that it goes on from are finished for the batch.
            batch: What is attacked.
            donor: Reads as many other utterances.
            fitted: What the trial's attack has been fitted to.
        """
        # A search needs all of the grid; else the last trial stands for those before.
        after = bound.trial.after if bound.curve else bound.trial.after[-1:]
        found = [self._found(name, batch) for name in after]
        draws = [DRAWS if utt in self.unsteady else 1 for utt in batch.utterances]
        if bound.trial.attack == PLANTED:
            return self._find_planted(bound, batch, found[-1].delta, draws)
        start = found[-1].delta if found and not bound.curve else None

        def problem_of(attack: BoundAttack) -> Problem:
            return self.maker.make(
                bound,
                attack,
                batch,
                donor=donor,
                fitted=fitted,
                start=start,
                draws=draws,
            )

        if not bound.in_turn:
            (attack,) = bound.attacks
            return attack.method(problem_of(attack))
        members = [
            SuiteMember(attack.about, attack.method, problem_of(attack))
            for attack in bound.attacks
        ]
        if bound.curve is None:
            return worst_case(members, bound.trial.doubled)
        return find_smallest(
            members[0],
            found,
            bound.curve,
            self.maker.file,
            bound.trial.norm or "linf",
        )

    def _find_planted(
        self,
        bound: BoundTrial,
        batch: Batch,
        loud: torch.Tensor,
        draws: Sequence[int],
    ) -> Attacked:
        """Search for examples that are planted with a loud perturbation."""
        # What comes from behind the lock is heard as it is: no file holds it.
        maker = replace(self.maker, file=FileFormat("float32"))
        members = []
        for attack in bound.attacks:
            problem = maker.make(bound, attack, batch, draws=draws)
            problem = problem.with_ball(self.maker.file.ball(problem.ball))
            members.append(SuiteMember(attack.about, attack.method, problem))
        return find_planted(members, batch.clean + loud, self.maker.file)

    def _found(self, name: str, batch: Batch) -> Found:
        """Read what a finished trial has saved of a batch."""
        bound = next(one for one in self.plan if one.trial.name == name)
        ball = self.maker.file.ball(bound.ball(batch.clean, batch.lengths))
        delta = torch.zeros_like(batch.clean)
        for row, (utt, length) in enumerate(
            zip(batch.utterances, batch.lengths.tolist(), strict=True)
        ):
            path = str(audio_path(self.output_dir, utt, bound.trial))
            rate = self.maker.victim.rate
            samples = read_audio(path, rate, utt=utt, may_be_silent=True)
            saved = torch.from_numpy(samples)
            delta[row, :length] = saved.to(delta) - batch.clean[row, :length]
        return Found(bound.trial.budget, ball.radius, delta)
