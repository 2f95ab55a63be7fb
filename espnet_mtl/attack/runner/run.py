"""A job: attack its batches under every condition, and record what is finished."""

import logging
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from espnet_mtl.attack.budget import LinfBudget
from espnet_mtl.attack.config import AttackConfig, Condition, conditions
from espnet_mtl.attack.noise import random_sign
from espnet_mtl.attack.objective import TargetedLoss
from espnet_mtl.attack.pgd import Attacked, pgd
from espnet_mtl.attack.quantise import FULL_SCALE, quantise
from espnet_mtl.attack.runner.layout import (
    attacked_key,
    audio_path,
    forget_tables,
    hash_file,
    is_whole,
    write_conditions,
)
from espnet_mtl.attack.runner.plan import (
    TestSet,
    cache_key,
    make_batches,
    read_audios,
    share_of,
)
from espnet_mtl.attack.runner.records import Record, RecordFile, read_records
from espnet_mtl.attack.seeding import seed_of
from espnet_mtl.attack.victim import Victim
from espnet_mtl.data.audio import read_audio, write_audio
from espnet_mtl.errors import UserError
from espnet_mtl.metrics.distortion import measure_distortion

_PROGRESS_SECONDS = 5.0


@dataclass(frozen=True)
class Batch:
    """Utterances that are attacked together.

    Attributes:
        utterances: Their ids.
        clean: Their audio, zero beyond its length, (Batch, Samples).
        lengths: Samples of each, (Batch,).
        texts: Target token ids.
        accents: Target accent classes.
    """

    utterances: tuple[str, ...]
    clean: torch.Tensor
    lengths: torch.Tensor
    texts: Sequence[Sequence[int]]
    accents: Sequence[int]


class Job:
    """One job's share of an attack.

    Args:
        victim: The victim.
        config: The attack.
        test_set: What is attacked.
        output_dir: Where everything goes.

    Attributes:
        audios: Length and hash of each utterance's audio.

    Raises:
        UserError: If audio is faulty or too short for the victim.
    """

    def __init__(
        self, victim: Victim, config: AttackConfig, test_set: TestSet, output_dir: Path
    ):
        self._victim = victim
        self._config = config
        self._test_set = test_set
        self._output_dir = output_dir
        self._conditions = conditions(config, victim)
        self.audios = read_audios(test_set, victim.rate)
        self._refuse_too_short()

    def run(self, job: int = 1, num_jobs: int = 1) -> None:
        """Attack this job's batches; what an earlier run finished is not repeated.

        Args:
            job: Number of this job, from 1.
            num_jobs: How many jobs share the work.

        Raises:
            UserError: If the job is running already.
        """
        write_conditions(self._output_dir, self._conditions, self._config)
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

    def load(self, utterances: tuple[str, ...]) -> Batch:
        """Read a batch.

        Args:
            utterances: Utterance ids.

        Returns:
            Their audio and targets.
        """
        audios = [
            torch.from_numpy(read_audio(self._test_set.tables["wav.scp"][utt], utt=utt))
            for utt in utterances
        ]
        clean = torch.nn.utils.rnn.pad_sequence(audios, batch_first=True)
        return Batch(
            utterances,
            clean.to(self._victim.device),
            torch.tensor([len(audio) for audio in audios], device=self._victim.device),
            [self._victim.encode_text(self._test_set.targets[u]) for u in utterances],
            [self._target_accent(utt) for utt in utterances],
        )

    def _target_accent(self, utt: str) -> int:
        """Draw an accent other than the true one."""
        truth = self._test_set.tables["utt2accent"][utt]
        others = [n for n, name in enumerate(self._victim.accents) if name != truth]
        if not others:
            return 0
        return others[seed_of(self._config.seed, "accent", utt) % len(others)]

    def _attack(
        self, batch: Batch, condition: Condition, missing: set[str], key: str
    ) -> list[Record]:
        """Attack a batch, write its audio, and only then hand out its records."""
        attacked = find_perturbation(self._victim, self._config, condition, batch)
        folder = self._output_dir / "wav" / condition.name
        folder.mkdir(parents=True, exist_ok=True)
        records = []
        for row, utt in enumerate(batch.utterances):
            if utt not in missing:
                continue
            length = int(batch.lengths[row])
            clean = batch.clean[row, :length].cpu().numpy()
            delta = attacked.delta[row, :length].cpu().numpy()
            path = audio_path(self._output_dir, utt, condition)
            saved = self._save(path, clean, clean + delta, condition.budget)
            tokens = batch.texts[row]
            records.append(
                {
                    "key": attacked_key(utt, condition),
                    "utt": utt,
                    "condition": condition.name,
                    "target": self._test_set.targets[utt],
                    "feasible": self._victim.can_say(length, tokens),
                    **measure_distortion(clean, saved, self._victim.rate),
                    "loss_start": _number(attacked.loss_start[row]),
                    "loss_end": _number(attacked.loss_end[row]),
                    "sha256": hash_file(path),
                    "cache": key,
                }
            )
        return records

    def _save(
        self, path: Path, clean: np.ndarray, attacked: np.ndarray, epsilon: float
    ) -> np.ndarray:
        """Write attacked audio, and return what the file says."""
        if self._config.sample_format == "float32":
            write_audio(path, attacked, self._victim.rate, "FLOAT")
            return attacked.astype(np.float64)
        levels = quantise(clean, attacked, epsilon)
        write_audio(path, levels, self._victim.rate)
        return levels.astype(np.float64) / FULL_SCALE


def find_perturbation(
    victim: Victim, config: AttackConfig, condition: Condition, batch: Batch
) -> Attacked:
    """Do to a batch what a condition says.

    Args:
        victim: The victim.
        config: The attack's settings.
        condition: The condition.
        batch: The batch.

    Returns:
        Perturbations, and the losses where the condition has a loss.
    """
    nothing = torch.full((len(batch.utterances),), torch.nan)
    if condition.attack == "none":
        return Attacked(torch.zeros_like(batch.clean), nothing, nothing)
    budget = LinfBudget(condition.budget)
    if condition.attack == "noise":
        seeds = [seed_of(config.seed, "noise", utt) for utt in batch.utterances]
        delta = random_sign(batch.clean, batch.lengths, budget, seeds)
        return Attacked(delta, nothing, nothing)
    seeds = [seed_of(config.seed, "start", utt) for utt in batch.utterances]
    return pgd(
        TargetedLoss(
            victim, condition.weights, batch.lengths, batch.texts, batch.accents
        ),
        batch.clean,
        batch.lengths,
        budget,
        steps=config.steps,
        step_size=config.step_size,
        momentum=config.momentum,
        seeds=seeds if config.random_start else None,
    )


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
