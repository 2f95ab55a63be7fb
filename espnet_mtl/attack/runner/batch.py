"""Batches: audio from disk, and what each utterance is about."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch

from espnet_mtl.attack.runner.plan import TestSet
from espnet_mtl.data.audio import read_audio


@dataclass(frozen=True)
class Batch:
    """Utterances that are attacked together.

    Attributes:
        utterances: Their ids.
        clean: Their audio, zero beyond its length, (Batch, Samples).
        lengths: Samples of each, (Batch,).
        tables: Tables of the data directory, of these and perhaps other utterances.
        targets: What each is to be heard as.
    """

    utterances: Sequence[str]
    clean: torch.Tensor
    lengths: torch.Tensor
    tables: Mapping[str, Mapping[str, str]]
    targets: Mapping[str, str]

    def __len__(self) -> int:
        return len(self.utterances)


def load_batch(
    test_set: TestSet, utterances: Sequence[str], device: torch.device
) -> Batch:
    """Read a batch.

    Args:
        test_set: What is attacked.
        utterances: Utterance ids.
        device: Where the audio goes.

    Returns:
        The batch.
    """
    paths = test_set.tables["wav.scp"]
    audios = [torch.from_numpy(read_audio(paths[utt], utt=utt)) for utt in utterances]
    clean = torch.nn.utils.rnn.pad_sequence(audios, batch_first=True)
    return Batch(
        utterances,
        clean.to(device),
        torch.tensor([len(audio) for audio in audios], device=device),
        test_set.tables,
        test_set.targets,
    )
