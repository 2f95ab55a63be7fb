"""What an attack has to do: batches that are the same however many jobs share them."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from espnet_mtl.attack.conditions import Condition
from espnet_mtl.attack.config import AttackConfig
from espnet_mtl.attack.seeding import seed_of
from espnet_mtl.attack.targets import check_targets, choose_targets
from espnet_mtl.data.audio import read_audio
from espnet_mtl.data.datadir import check_formatted, load_data_dir
from espnet_mtl.data.tables import read_table, sort_keys
from espnet_mtl.errors import UserError
from espnet_mtl.metrics.wer import fold_case, split_words

if TYPE_CHECKING:
    from espnet_mtl.attack.runner.inputs import Inputs


@dataclass(frozen=True)
class TestSet:
    """What is attacked.

    Attributes:
        tables: The data directory's tables by name, of the chosen utterances.
        targets: What each utterance is to be heard as.
    """

    tables: Mapping[str, Mapping[str, str]]
    targets: Mapping[str, str]

    @property
    def utterances(self) -> list[str]:
        """Utterance ids in the order of the directory."""
        return list(self.tables["wav.scp"])


def read_test_set(
    data_dir: Path,
    text_target: Path | None,
    num_utts: int | None,
    seed: int,
    target_text: str = "",
) -> TestSet:
    """Read a data directory, its targets, and choose which utterances to attack.

    Args:
        data_dir: The directory.
        text_target: Targets; those of the directory when not given, and when it has
            none they are chosen.
        num_utts: How many to attack, drawn by their ids; ``None`` for all.
        seed: Seed of the targets, where they are chosen here.
        target_text: The target of all utterances instead; those that say it already
            are left out.

    Returns:
        The test set.

    Raises:
        UserError: If the directory is faulty, or a target is missing or the truth.
    """
    tables = load_data_dir(data_dir)
    check_formatted(data_dir, tables)
    path = text_target or data_dir / "text_target"
    if target_text:
        targets = _same_for_all(tables, target_text, data_dir)
    elif text_target is not None or path.exists():
        targets = read_table(path)
    else:
        targets = choose_targets(tables["text"], seed)
    if not target_text:
        check_targets(tables["text"], targets, path)
    chosen = [utt for utt in tables["wav.scp"] if utt in targets]
    if num_utts is not None:
        chosen = sorted(chosen, key=lambda utt: seed_of("chosen", utt))[:num_utts]
        chosen = sort_keys(chosen)
    return TestSet(
        {name: {utt: table[utt] for utt in chosen} for name, table in tables.items()},
        {utt: targets[utt] for utt in chosen},
    )


def _same_for_all(
    tables: Mapping[str, Mapping[str, str]], target_text: str, data_dir: Path
) -> dict[str, str]:
    words = fold_case(split_words(target_text))
    targets = {
        utt: target_text
        for utt, text in tables["text"].items()
        if fold_case(split_words(text)) != words
    }
    if not targets:
        raise UserError(f"{data_dir}: every utterance says '{target_text}' already")
    return targets


@dataclass(frozen=True)
class Audio:
    """A recording, by its length and its samples' hash.

    Attributes:
        num_samples: Its length.
        sha256: Hash of its samples.
    """

    num_samples: int
    sha256: str


def read_audios(test_set: TestSet, rate: int | None) -> dict[str, Audio]:
    """Read all audio once, to know its length and to refuse bad audio at the start.

    Args:
        test_set: What is attacked.
        rate: The sampling rate that the victim hears; ``None`` to take any.

    Returns:
        Audio by utterance.

    Raises:
        UserError: If audio cannot be read, is empty, silent, stereo or of another rate.
    """
    audios = {}
    for utt, path in test_set.tables["wav.scp"].items():
        samples = read_audio(path, rate, utt=utt)
        digest = hashlib.sha256(np.ascontiguousarray(samples)).hexdigest()
        audios[utt] = Audio(len(samples), digest)
    return audios


def make_batches(
    utterances: Sequence[str], audios: Mapping[str, Audio], batch_bins: int
) -> list[tuple[str, ...]]:
    """Put utterances of similar length together.

    Args:
        utterances: Utterance ids.
        audios: Their audio.
        batch_bins: Samples of a batch, padding included, at most; an utterance that is
            longer on its own is a batch of its own.

    Returns:
        Batches, the longest utterances first.
    """
    batches: list[list[str]] = []
    longest = 0
    for utt in sorted(utterances, key=lambda u: (-audios[u].num_samples, u)):
        if not batches or longest * (len(batches[-1]) + 1) > batch_bins:
            batches.append([])
            longest = audios[utt].num_samples
        batches[-1].append(utt)
    return [tuple(batch) for batch in batches]


def share_of(
    batches: Sequence[tuple[str, ...]], job: int, num_jobs: int
) -> list[tuple[str, ...]]:
    """Choose a job's batches.

    Args:
        batches: All batches.
        job: The job's number, from 1.
        num_jobs: How many jobs share them.

    Returns:
        Every ``num_jobs``-th batch.

    Raises:
        UserError: If there is no such job.
    """
    if not 1 <= job <= num_jobs:
        raise UserError(f"--job {job}: with --nj {num_jobs} there are 1 to {num_jobs}")
    return list(batches[job - 1 :: num_jobs])


def cache_key(
    model_sha256: str,
    config: AttackConfig,
    condition: Condition,
    batch: Sequence[str],
    audios: Mapping[str, Audio],
    test_set: TestSet,
    inputs: "Inputs",
) -> str:
    """Name all that an attacked batch depends on.

    Some encoders hear padding (``victim/padding.py``): the batch mates belong to it.

    Args:
        model_sha256: Hash of the packed model.
        config: The attack's configuration.
        condition: What is done to the batch.
        batch: Utterance ids.
        audios: Their audio.
        test_set: Their targets and accents.
        inputs: What else it depends on.

    Returns:
        A hash.
    """
    settings: dict[str, Any] = {"sample_format": config.sample_format}
    settings["model"] = model_sha256
    settings["inputs"] = inputs.of(condition)
    settings["condition"] = {
        name: value
        for name, value in condition.to_json().items()
        if name not in ("name", "attacker", "also", "role")  # names change nothing
    }
    settings["batch"] = [
        (
            utt,
            audios[utt].sha256,
            test_set.targets[utt],
            test_set.tables["utt2accent"][utt],
            # What was said counts for attackers who go away from it, or keep it.
            *([] if condition.words == "target" else [test_set.tables["text"][utt]]),
        )
        for utt in batch
    ]
    if condition.attack == "shuffled":  # the perturbation is another's
        settings["donors"] = sorted(
            (utt, audio.sha256, test_set.targets[utt]) for utt, audio in audios.items()
        )
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()
