"""Batches, which are the same however many jobs share them."""

from collections.abc import Mapping, Sequence

import torch

from espnet_mtl.attack.problem_maker import Batch
from espnet_mtl.attack.runner.test_set import TestSet
from espnet_mtl.errors import UserError

Utterances = tuple[str, ...]


def make_batches(lengths: Mapping[str, int], batch_bins: int) -> list[Utterances]:
    """Put utterances of similar length together.

    Args:
        lengths: Samples of each utterance.
        batch_bins: Samples of a batch, padding included, at most; an utterance that is
            longer on its own is a batch of its own.

    Returns:
        Batches, the longest utterances first.
    """
    batches: list[list[str]] = []
    longest = 0
    for utt in sorted(lengths, key=lambda u: (-lengths[u], u)):
        if not batches or longest * (len(batches[-1]) + 1) > batch_bins:
            batches.append([])
            longest = lengths[utt]
        batches[-1].append(utt)
    return [tuple(batch) for batch in batches]


def share_of(
    batches: Sequence[Utterances], job: int, num_jobs: int
) -> list[Utterances]:
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


def find_donors(batches: Sequence[Utterances]) -> dict[str, str]:
    """Find for each utterance another one of about the same length.

    Args:
        batches: All batches.

    Returns:
        Its neighbour by length; the first one for the last. Of a single utterance, that
        is itself.
    """
    order = [utt for batch in batches for utt in batch]
    return dict(zip(order, order[1:] + order[:1], strict=True))


def load_batch(
    test_set: TestSet, utterances: Utterances, device: torch.device
) -> Batch:
    """Read a batch.

    Args:
        test_set: What is attacked.
        utterances: Utterance ids.
        device: Where the audio goes.

    Returns:
        The batch.
    """
    audios = [torch.from_numpy(test_set.recordings.samples(u)) for u in utterances]
    clean = torch.nn.utils.rnn.pad_sequence(audios, batch_first=True)
    return Batch(
        utterances,
        clean.to(device),
        torch.tensor([len(audio) for audio in audios], device=device),
        targets=[test_set.targets[utt] for utt in utterances],
        texts=[test_set.tables["text"][utt] for utt in utterances],
        accents=[test_set.tables["utt2accent"][utt] for utt in utterances],
    )
