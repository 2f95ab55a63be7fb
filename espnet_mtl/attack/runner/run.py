"""A job: attack its batches under every condition, and record what is finished."""

import json
import logging
import math
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch

from espnet_mtl.atomic import write_text
from espnet_mtl.attack.balls import make_ball
from espnet_mtl.attack.conditions import Condition, make_conditions
from espnet_mtl.attack.config import AttackConfig
from espnet_mtl.attack.methods.universal import Universal
from espnet_mtl.attack.problem import Attack, Attacked
from espnet_mtl.attack.quantise import FULL_SCALE
from espnet_mtl.attack.runner.batch import Batch, load_batch
from espnet_mtl.attack.runner.fitting import fit_universal
from espnet_mtl.attack.runner.inputs import Inputs
from espnet_mtl.attack.runner.layout import (
    attacked_key,
    audio_path,
    forget_tables,
    hash_file,
    is_whole,
    write_conditions,
    write_config,
)
from espnet_mtl.attack.runner.perform import perform
from espnet_mtl.attack.runner.plan import (
    TestSet,
    cache_key,
    make_batches,
    read_audios,
    share_of,
)
from espnet_mtl.attack.runner.problems import Problems
from espnet_mtl.attack.runner.records import Record, RecordFile, read_records
from espnet_mtl.attack.victim import Listener, Victim
from espnet_mtl.data.audio import write_audio
from espnet_mtl.errors import UserError
from espnet_mtl.metrics.distortion import measure_distortion
from espnet_mtl.metrics.wish import Heard, Wish

_PROGRESS_SECONDS = 5.0


class Job:
    """One job's share of an attack.

    Args:
        victim: The victim.
        config: The attack.
        test_set: What is attacked.
        output_dir: Where everything goes.
        listener: Makes the decoder that is to be deceived, when somebody has to listen.
        sources: Other victims by path, for transfer attacks.
        inputs: What else the attack depends on.

    Attributes:
        audios: Length and hash of each utterance's audio.

    Raises:
        UserError: If audio is faulty or too short for the victim.
    """

    def __init__(
        self,
        victim: Victim,
        config: AttackConfig,
        test_set: TestSet,
        output_dir: Path,
        *,
        listener: Callable[[], Listener],
        sources: Mapping[str, Victim] | None = None,
        inputs: Inputs | None = None,
    ):
        self._victim = victim
        self._config = config
        self._test_set = test_set
        self._output_dir = output_dir
        self._inputs = inputs or Inputs()
        self._conditions = make_conditions(config, victim)
        self._listener = _Lazy(listener, output_dir)
        self._problems = Problems(config, victim, self._listener, sources or {})
        self.audios = read_audios(test_set, victim.rate)
        self._refuse_too_short()
        self._order = [
            utt
            for batch in make_batches(
                test_set.utterances, self.audios, config.batch_bins
            )
            for utt in batch
        ]

    def run(self, job: int = 1, num_jobs: int = 1) -> None:
        """Attack this job's batches; what an earlier run finished is not repeated.

        Args:
            job: Number of this job, from 1.
            num_jobs: How many jobs share the work.

        Raises:
            UserError: If the job is running already.
        """
        write_config(self._output_dir, self._config)
        write_conditions(self._output_dir, self._conditions)
        batches = share_of(
            make_batches(
                self._test_set.utterances, self.audios, self._config.batch_bins
            ),
            job,
            num_jobs,
        )
        logdir = self._output_dir / "logdir"
        finished = read_records(logdir)
        records = RecordFile(logdir / f"records.{job}.jsonl")
        timing = RecordFile(logdir / f"timing.{job}.jsonl")
        outdated = False
        total = len(self._conditions) * sum(len(batch) for batch in batches)
        done = 0
        reported = -math.inf
        for utterances in batches:
            batch = None
            for condition in self._conditions:
                if time.monotonic() - reported > _PROGRESS_SECONDS:
                    reported = time.monotonic()
                    self._report(done, total, condition)
                key = self._cache_key(condition, utterances)
                missing = self._missing(condition, utterances, key, finished)
                if missing:
                    if not outdated:
                        forget_tables(self._output_dir)
                        outdated = True
                    batch = batch or self.load(utterances)
                    began = time.monotonic()
                    new = self._attack(batch, condition, missing, key)
                    seconds = time.monotonic() - began
                    timing.append([_timing(condition, key, utterances, seconds)])
                    records.append(new)
                done += len(utterances)
        logging.info("progress: %d/%d utterances (attack)", done, total)
        records.close()
        timing.close()

    @staticmethod
    def _report(done: int, total: int, condition: Condition) -> None:
        logging.info("progress: %d/%d utterances (%s)", done, total, condition.name)

    def _refuse_too_short(self) -> None:
        utt, audio = min(self.audios.items(), key=lambda item: item[1].num_samples)
        if self._victim.num_frames(audio.num_samples) == 0:
            raise UserError(
                f"utterance {utt}: {audio.num_samples} samples are too few for the "
                "model's encoder; remove the utterance from the data directory"
            )

    def _cache_key(self, condition: Condition, utterances: tuple[str, ...]) -> str:
        return cache_key(
            self._victim.sha256,
            self._config,
            condition,
            utterances,
            self.audios,
            self._test_set,
            self._inputs,
        )

    def _missing(
        self,
        condition: Condition,
        utterances: tuple[str, ...],
        key: str,
        finished: Mapping[tuple[str, str], Record],
    ) -> set[str]:
        """Utterances without record, or whose audio is gone or of another attack."""
        return {
            utt
            for utt in utterances
            if not is_whole(
                finished.get((attacked_key(utt, condition), key)),
                audio_path(self._output_dir, utt, condition),
            )
        }

    def load(self, utterances: Sequence[str]) -> Batch:
        """Read a batch.

        Args:
            utterances: Utterance ids.

        Returns:
            Their audio and targets.
        """
        return load_batch(self._test_set, utterances, self._victim.device)

    def _donor(self, utterances: Sequence[str]) -> Batch:
        """Read each utterance's neighbour by length; the last one's is the first."""
        if len(self._order) < 2:
            raise UserError(
                "shuffled: a perturbation of another utterance needs two utterances"
            )
        after = dict(zip(self._order, self._order[1:] + self._order[:1], strict=True))
        return self.load([after[utt] for utt in utterances])

    def _fitted(self, method: Attack, condition: Condition) -> torch.Tensor | None:
        """What an attack has to be fitted to before it runs."""
        if not isinstance(method, Universal):
            return None
        depends = {**self._inputs.of(condition), "model": self._victim.sha256}
        return fit_universal(
            method,
            condition,
            self._problems,
            self._inputs.fit_sets[method.fit_data],
            self._output_dir,
            json.dumps(depends, sort_keys=True),
        )

    def _attack(
        self, batch: Batch, condition: Condition, missing: set[str], key: str
    ) -> list[Record]:
        """Attack a batch, write its audio, and only then hand out its records."""
        attacked = perform(
            self._problems,
            condition,
            batch,
            lambda: self._donor(batch.utterances),
            self._fitted,
        )
        folder = self._output_dir / "wav" / condition.name
        folder.mkdir(parents=True, exist_ok=True)
        wishes = self._problems.wishes(batch, condition.wish)
        return [
            self._record(batch, condition, row, attacked, wishes[row], key)
            for row, utt in enumerate(batch.utterances)
            if utt in missing
        ]

    def _record(
        self,
        batch: Batch,
        condition: Condition,
        row: int,
        attacked: Attacked,
        wish: Wish,
        key: str,
    ) -> Record:
        """Write an utterance's audio, and say what is in the file."""
        utt = batch.utterances[row]
        length = int(batch.lengths[row])
        clean = batch.clean[row, :length].cpu().numpy()
        delta = attacked.delta[row, :length].cpu().numpy()
        prefix = attacked.prefix.cpu().numpy().astype(clean.dtype)
        clean = np.concatenate([np.zeros_like(prefix), clean])
        path = audio_path(self._output_dir, utt, condition)
        change = np.concatenate([prefix, delta])
        saved = self._save(path, clean, clean + change, condition)
        target = self._test_set.targets[utt]
        tokens = self._victim.encode_text(target)
        notes = attacked.notes[row] if len(attacked.notes) else {}
        return {
            "key": attacked_key(utt, condition),
            "utt": utt,
            "condition": condition.name,
            "target": target,
            "accent_wish": wish.accent,
            "feasible": self._victim.can_say(len(clean), tokens),
            **measure_distortion(clean, saved, self._victim.rate),
            "loss_start": _number(attacked.loss_start[row]),
            "loss_end": _number(attacked.loss_end[row]),
            "heard": None,
            **notes,
            "sha256": hash_file(path),
            "cache": key,
        }

    def _save(
        self, path: Path, clean: np.ndarray, attacked: np.ndarray, condition: Condition
    ) -> np.ndarray:
        """Write attacked audio, and return what the file says."""
        radius = 0.0
        if condition.norm is not None:
            audio = torch.from_numpy(clean)[None]
            ball = make_ball(
                condition.norm,
                condition.budget,
                audio,
                torch.tensor([len(clean)]),
            )
            radius = float(ball.radius)
        saved = self._problems.saver(condition.norm or "linf")(clean, attacked, radius)
        if self._config.sample_format == "float32":
            write_audio(path, saved, self._victim.rate, "FLOAT")
        else:
            levels = np.rint(saved * FULL_SCALE).astype(np.int16)
            write_audio(path, levels, self._victim.rate)
        return saved.astype(np.float64)


class _Lazy:
    """A decoder that is made when somebody listens, and then says what it weighs."""

    def __init__(self, make: Callable[[], Listener], output_dir: Path):
        self._make = make
        self._output_dir = output_dir
        self._listener: Listener | None = None

    def _ready(self) -> Listener:
        if self._listener is None:
            self._listener = self._make()
            about = json.dumps(dict(self._listener.about)) + "\n"
            write_text(self._output_dir / "decoder.json", about)
        return self._listener

    @property
    def about(self) -> Mapping[str, object]:
        return self._ready().about

    def __call__(self, speech: np.ndarray) -> Heard:
        return self._ready()(speech)


def _timing(
    condition: Condition, key: str, utterances: Sequence[str], seconds: float
) -> Record:
    return {
        "condition": condition.name,
        "cache": key,
        "seconds": round(seconds, 4),
        "n": len(utterances),
    }


def _number(value: torch.Tensor) -> float | None:
    """A number for JSON, which has none for what is not a number."""
    return float(value) if math.isfinite(value) else None
