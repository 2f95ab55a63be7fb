"""A job: attack its batches in every trial, and record what is finished."""

import functools
import logging
import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import takewhile
from pathlib import Path

import numpy as np
import torch

from espnet_mtl.attack.bound import BoundTrial, PlannedTrial
from espnet_mtl.attack.config import AttackConfig
from espnet_mtl.attack.plan import make_plan
from espnet_mtl.attack.problem_maker import Batch, ProblemMaker
from espnet_mtl.attack.quantise import FileFormat
from espnet_mtl.attack.runner.batching import Utterances, load_batch
from espnet_mtl.attack.runner.feasibility import (
    refuse_hopeless,
    warn_of_sources,
    warn_of_texts,
)
from espnet_mtl.attack.runner.fitting import fit
from espnet_mtl.attack.runner.log import JobLog, read_records
from espnet_mtl.attack.runner.made_of import Inputs, MadeOf
from espnet_mtl.attack.runner.performer import Performer
from espnet_mtl.attack.runner.test_set import TestSet
from espnet_mtl.attack.runner.writer import Writer, attacked_key, find_record
from espnet_mtl.attack.victim import Listener, Victim, hear_all
from espnet_mtl.errors import UserError
from espnet_mtl.metrics.wish import Heard
from espnet_mtl.results.attack import forget_attack

_PROGRESS_SECONDS = 5.0
_SHOWN = 5


class Job:
    """One job's share of an attack.

    Args:
        inputs: What else the attack depends on.
        make_listener: Makes the attacked decoder, when an attack needs to listen.
        sources: Other victims by path, for attacks that take other models.

    Attributes:
        plan: What every utterance goes through.

    Raises:
        UserError: If the attack makes no sense for the victim, no target can be
            reached, or audio is faulty.
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
        self._sources = sources or {}
        self.plan = make_plan(config, victim, self._sources)
        for audio in (test_set, *inputs.fit_sets.values()):
            audio.recordings.check_rate(victim.rate)
        self._refuse_too_short(test_set, victim, "model")
        for path, source in self._sources.items():
            self._refuse_too_short(test_set, source, f"model {path}")
        for path, fit_set in inputs.fit_sets.items():
            self._refuse_too_short(fit_set, victim, "model", f"{path}: ")
        reported = [one.trial for one in self.plan if one.trial.role == "main"]
        if all(trial.words == "target" for trial in reported):
            refuse_hopeless(victim, test_set)
        self._made_of = MadeOf(config, test_set, inputs)
        self._writer = Writer(output_dir, FileFormat(config.sample_format), victim)

    def warn(self) -> None:
        """Warn of what models cannot write: all that is attacked, of any job."""
        warn_of_texts(self._victim, self._test_set)
        warn_of_sources(self._sources, self._test_set)

    def run(self, job: int = 1, num_jobs: int = 1) -> None:
        """Attack this job's batches; what an earlier run finished is not repeated.

        Raises:
            UserError: If audio is faulty, or the job is running already.
        """
        if not 1 <= job <= num_jobs:
            raise UserError(
                f"--job {job}: with --nj {num_jobs}, jobs are numbered 1 to {num_jobs}"
            )
        batches = self._made_of.batches[job - 1 :: num_jobs]
        self._refuse_bad_audio(batches)
        finished = read_records(self._output_dir, self._keys(batches))
        with JobLog(self._output_dir, job) as log:
            plan = [PlannedTrial(one.trial, one.needs) for one in self.plan]
            log.add_plan(self._made_of.plan(), plan)
            maker = self._make_maker(log)
            performer = Performer(maker, self.plan, self._output_dir)
            progress = _Progress(len(self.plan), sum(map(len, batches)))
            for utterances in batches:
                batch = None
                for bound in self.plan:
                    made_of = self._made_of.batch(bound, utterances, self.plan)
                    treated = self._made_of.treated(bound.trial, utterances)
                    found = [
                        find_record(
                            finished, self._output_dir, utt, bound.trial, made_of
                        )
                        for utt in treated
                    ]
                    performer.learn(filter(None, found))
                    missing = [row for row, one in enumerate(found) if one is None]
                    # A suite takes long: what is said meanwhile has to be about it.
                    is_long = bool(missing) and bound.trial.suite is not None
                    progress.report(bound.trial.name, always=is_long)
                    if missing:
                        forget_attack(self._output_dir)
                        batch = batch or self._load(utterances)
                        part = batch.of(treated)
                        began = time.monotonic()
                        attacked = performer.perform(
                            bound,
                            part,
                            donor=self._load_donors(part),
                            fitted=self._fit(maker, bound),
                        )
                        goals = maker.wishes(part, bound.goal)
                        records = [
                            self._writer.write(bound, part, row, attacked, goals[row])
                            for row in missing
                        ]
                        performer.learn(records)
                        seconds = time.monotonic() - began
                        log.add_records(made_of, bound.trial, seconds, records)
                    progress.done += len(utterances)
            progress.report("attack", always=True)

    def _keys(self, batches: Iterable[Utterances]) -> set[str]:
        """Return the keys of all that some batches may become."""
        return {
            attacked_key(utt, bound.trial)
            for utterances in batches
            for utt in utterances
            for bound in self.plan
        }

    @staticmethod
    def _refuse_too_short(
        audio: TestSet, victim: Victim, model: str, place: str = ""
    ) -> None:
        lengths = audio.recordings.lengths()
        shortest = sorted(lengths, key=lengths.__getitem__)
        too_short = list(
            takewhile(lambda utt: not victim.num_frames(lengths[utt]), shortest)
        )
        if too_short:
            named = [f"{utt} ({lengths[utt]} samples)" for utt in too_short[:_SHOWN]]
            named += ["..."] if len(too_short) > _SHOWN else []
            raise UserError(
                f"{place}{len(too_short)} of {len(lengths)} utterances are too short "
                f"for the encoder of the {model}: {', '.join(named)}; remove them from "
                "the data directory"
            )

    def _refuse_bad_audio(self, batches: Sequence[Utterances]) -> None:
        """Read all that this job will need, before it attacks anything."""
        utterances = [utt for batch in batches for utt in batch]
        if any(bound.needs.donor for bound in self.plan):
            utterances += [self._made_of.donors[utt] for utt in utterances]
        self._test_set.recordings.check(utterances)
        for fit_set in self._inputs.fit_sets.values():
            fit_set.recordings.check(fit_set.utterances)

    def _make_maker(self, log: JobLog) -> ProblemMaker:
        """Make what makes problems; the decoder is loaded when it is first asked."""

        def make() -> Listener:
            made = self._make_listener()
            log.add_decoder(self._made_of.decoder(), made.about)
            return made

        return ProblemMaker(
            self._victim,
            _Lazy(make),
            FileFormat(self._config.sample_format),
            self._config.seed,
        )

    def _load(self, utterances: Utterances) -> Batch:
        return load_batch(self._test_set, utterances, self._victim.device)

    def _load_donors(self, batch: Batch) -> Callable[[], Batch] | None:
        """Return what reads other utterances, if there are any."""
        donors = self._made_of.donors
        if len(donors) < 2:
            return None
        return lambda: self._load(tuple(donors[utt] for utt in batch.utterances))

    def _fit(self, maker: ProblemMaker, bound: BoundTrial) -> torch.Tensor | None:
        if not bound.needs.fit_data:
            return None
        fit_set = self._inputs.fit_sets[bound.needs.fit_data]
        made_of = self._made_of.fit(bound)
        bins = self._config.batch_bins
        return fit(bound, maker, fit_set, bins, self._output_dir, made_of)


class _Lazy:
    """A listener that is made when it is first asked."""

    def __init__(self, make: Callable[[], Listener]):
        self._made = functools.cache(make)

    def __call__(self, speech: np.ndarray) -> Heard:
        return self._made()(speech)

    def hear_all(self, speeches: Sequence[np.ndarray]) -> list[Heard]:
        return hear_all(self._made(), speeches)


class _Progress:
    """Says from time to time how many files are finished: utterances times trials."""

    def __init__(self, num_trials: int, num_utts: int):
        self._num_trials, self._num_utts = num_trials, num_utts
        self._reported = -math.inf
        self.done = 0

    def report(self, what: str, *, always: bool = False) -> None:
        """Log a line, unless the last one was a moment ago."""
        if always or time.monotonic() - self._reported > _PROGRESS_SECONDS:
            self._reported = time.monotonic()
            logging.info(
                "progress: %d/%d files (%s; %d utterances in %d trials)",
                self.done,
                self._num_utts * self._num_trials,
                what,
                self._num_utts,
                self._num_trials,
            )
