"""Utterances that are attacked together."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Batch:
    """Audio of some utterances, and what is known of each.

    Attributes:
        utterances: Their ids.
        clean: Their audio in [-1, 1], zero beyond its length, (Batch, Samples).
        lengths: Samples of each, (Batch,).
        targets: What an attacker may want to be heard.
        texts: What was said.
        accents: Accent labels of the data; a victim need not know them.
    """

    utterances: tuple[str, ...]
    clean: torch.Tensor
    lengths: torch.Tensor
    targets: Sequence[str]
    texts: Sequence[str]
    accents: Sequence[str]

    def __len__(self) -> int:
        return len(self.utterances)
