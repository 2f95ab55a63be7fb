"""A job: attack its batches in every trial, and record what is finished."""

import functools
import logging
import math
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import torch

from espnet_mtl.attack.config import AttackConfig
from espnet_mtl.attack.plan import BoundTrial, make_plan
from espnet_mtl.attack.problem import Attacked
from espnet_mtl.attack.problem_maker import Batch, ProblemMaker
from espnet_mtl.attack.runner.batching import Utterances, load_batch, share_of
from espnet_mtl.attack.runner.fitting import fit
from espnet_mtl.attack.runner.log import JobLog, PlannedTrial, open_log, read_records
from espnet_mtl.attack.runner.made_of import Inputs, MadeOf
from espnet_mtl.attack.runner.test_set import TestSet
from espnet_mtl.attack.runner.writer import Writer, attacked_key, audio_path, is_whole
from espnet_mtl.attack.suite import SuiteMember, worst_case
from espnet_mtl.attack.victim import Listener, Victim
from espnet_mtl.errors import UserError
from espnet_mtl.results.attack import forget_attack
from espnet_mtl.results.record import Record

_PROGRESS_SECONDS = 5.0


class Job:
    """One job's share of an attack.

    Args:
        victim: The victim.
        config: The attack.
        test_set: What is attacked.
        output_dir: Where everything goes.
        inputs: What else the attack depends on.
        make_listener: Makes the decoder that is to be deceived, when somebody has to
            listen.
        sources: Other victims by path, for attacks that take other models.

    Attributes:
        plan: What every utterance goes through.

    Raises:
        UserError: If the attack makes no sense for the victim, or audio is faulty.
    """

    def __init__(
        self,
        victim: Victim,
        config: AttackConfig,
        test_set: TestSet,
        output_dir: Path,
        inputs: Inputs,
        make_listener: Callable[[], Listener],
        sources: Mapping[str, Victim] | None = None,
    ):
        self._victim = victim
        self._config = config
        self._test_set = test_set
        self._output_dir = output_dir
        self._inputs = inputs
        self._make_listener = make_listener
        self.plan = make_plan(config, victim, sources or {})
        for audio in (test_set, *inputs.fit_sets.values()):
            audio.recordings.check_rate(victim.rate)
        self._refuse_too_short()
        self._made_of = MadeOf(config, test_set, inputs)
        self._writer = Writer(output_dir, config.sample_format, victim)

    def run(self, job: int = 1, num_jobs: int = 1) -> None:
        """Attack this job's batches; what an earlier run finished is not repeated.

        Args:
            job: Number of this job, from 1.
            num_jobs: How many jobs share the work.

        Raises:
            UserError: If audio is faulty, or the job is running already.
        """
        batches = share_of(self._made_of.batches, job, num_jobs)
        self._refuse_bad_audio(batches)
        finished = read_records(self._output_dir)
        with open_log(self._output_dir, job) as log:
            log.add_plan(self._made_of.plan(), [PlannedTrial.of(b) for b in self.plan])
            maker = self._make_maker(log)
            progress = _Progress(len(self.plan) * sum(map(len, batches)))
            for utterances in batches:
                batch = None
                for bound in self.plan:
                    progress.report(bound.trial.name)
                    made_of = self._made_of.batch(bound.trial, bound.needs, utterances)
                    missing = self._missing(bound, utterances, made_of, finished)
                    if missing:
                        forget_attack(self._output_dir)
                        batch = batch or self._load(utterances)
                        began = time.monotonic()
                        records = self._attack(maker, bound, batch, missing)
                        seconds = time.monotonic() - began
                        log.add_records(made_of, bound.trial, seconds, records)
                    progress.done += len(utterances)
            progress.report("attack", always=True)

    def _refuse_too_short(self) -> None:
        lengths = self._test_set.recordings.lengths()
        utt = min(lengths, key=lengths.__getitem__)
        if self._victim.num_frames(lengths[utt]) == 0:
            raise UserError(
                f"utterance {utt}: {lengths[utt]} samples are too few for the model's "
                "encoder; remove the utterance from the data directory"
            )

    def _refuse_bad_audio(self, batches: Sequence[Utterances]) -> None:
        """Read all that this job will need, before it attacks anything."""
        utterances = [utt for batch in batches for utt in batch]
        if any(bound.needs.donor for bound in self.plan):
            utterances += [self._made_of.donors[utt] for utt in utterances]
        self._test_set.recordings.check(utterances)
        for fit_set in self._inputs.fit_sets.values():
            fit_set.recordings.check(fit_set.utterances)

    def _missing(
        self,
        bound: BoundTrial,
        utterances: Utterances,
        made_of: str,
        finished: Mapping[tuple[str, str], Record],
    ) -> set[str]:
        """Find utterances without record, or whose audio is gone or another's."""
        return {
            utt
            for utt in utterances
            if not is_whole(
                finished.get((attacked_key(utt, bound.trial), made_of)),
                audio_path(self._output_dir, utt, bound.trial),
            )
        }

    def _make_maker(self, log: JobLog) -> ProblemMaker:
        """Make what makes problems, with a decoder that is made when it is asked."""

        @functools.cache
        def listener() -> Listener:
            made = self._make_listener()
            log.add_decoder(self._made_of.decoder(), made.about)
            return made

        return ProblemMaker(
            self._victim,
            lambda speech: listener()(speech),
            self._config.sample_format,
            self._config.seed,
        )

    def _load(self, utterances: Utterances) -> Batch:
        return load_batch(self._test_set, utterances, self._victim.device)

    def _load_donors(self, utterances: Utterances) -> Batch:
        donors = self._made_of.donors
        if len(donors) < 2:
            raise UserError(
                "shuffled: a perturbation of another utterance needs two utterances"
            )
        return self._load(tuple(donors[utt] for utt in utterances))

    def _attack(
        self, maker: ProblemMaker, bound: BoundTrial, batch: Batch, missing: set[str]
    ) -> list[Record]:
        """Attack a batch, and write the audio of those that lack it."""
        attacked = self._perform(maker, bound, batch)
        goals = maker.wishes(batch, bound.goal)
        return [
            self._writer.write(bound, batch, row, attacked, goals[row])
            for row, utt in enumerate(batch.utterances)
            if utt in missing
        ]

    def _perform(
        self, maker: ProblemMaker, bound: BoundTrial, batch: Batch
    ) -> Attacked:
        """Run the trial's attack, or all of them and keep each utterance's worst."""
        fitted = self._fit(maker, bound) if bound.needs.fit_data else None
        ready = [
            maker.make(
                bound,
                attack,
                batch,
                donor=lambda: self._load_donors(batch.utterances),
                fitted=fitted,
            )
            for attack in bound.attacks
        ]
        if bound.trial.suite is None:
            (attack,), (problem,) = bound.attacks, ready
            return attack.method(problem)
        members = [
            SuiteMember(attack.about, attack.method, problem)
            for attack, problem in zip(bound.attacks, ready, strict=True)
        ]
        return worst_case(members, bound.trial.doubled)

    def _fit(self, maker: ProblemMaker, bound: BoundTrial) -> torch.Tensor:
        return fit(
            bound,
            maker,
            self._inputs.fit_sets[bound.needs.fit_data],
            self._config.batch_bins,
            self._output_dir,
            self._made_of.fit(bound.trial, bound.needs),
        )


class _Progress:
    """Says from time to time how far the job is.

    Args:
        total: Utterances in all trials.

    Attributes:
        done: How many of them are finished.
    """

    def __init__(self, total: int):
        self._total = total
        self._reported = -math.inf
        self.done = 0

    def report(self, what: str, *, always: bool = False) -> None:
        """Log a line, unless the last one was a moment ago."""
        if always or time.monotonic() - self._reported > _PROGRESS_SECONDS:
            self._reported = time.monotonic()
            logging.info(
                "progress: %d/%d utterances (%s)", self.done, self._total, what
            )
