"""Batches, which are the same however many jobs share them."""

from collections.abc import Mapping

import torch

from espnet_mtl.attack.problem_maker import Batch
from espnet_mtl.attack.runner.test_set import TestSet

Utterances = tuple[str, ...]


def make_batches(lengths: Mapping[str, int], batch_bins: int) -> list[Utterances]:
    """Put utterances of similar length together, the longest first.

    Args:
        lengths: Samples of each utterance.
        batch_bins: Samples of a batch, padding included, at most; an utterance that is
            longer on its own is a batch of its own.
    """
    batches: list[list[str]] = []
    longest = 0
    for utt in sorted(lengths, key=lambda u: (-lengths[u], u)):
        if not batches or longest * (len(batches[-1]) + 1) > batch_bins:
            batches.append([])
            longest = lengths[utt]
        batches[-1].append(utt)
    return [tuple(batch) for batch in batches]


def load_batch(
    test_set: TestSet, utterances: Utterances, device: torch.device
) -> Batch:
    """Read utterances of a test set."""
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
