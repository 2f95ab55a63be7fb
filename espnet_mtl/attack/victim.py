"""What an attack needs to know of a recogniser."""

from collections.abc import Callable, Collection, Sequence
from typing import Protocol

import numpy as np
import torch

from espnet_mtl.metrics.wish import Heard
from espnet_mtl.results.attack import Decoder

# Recognises one utterance, (Samples,) in [-1, 1].
Hear = Callable[[np.ndarray], Heard]


class Listener(Protocol):
    """The decoder that the attack is to deceive; ``about`` says how it weighs.

    One that can recognise several utterances faster at once has a method ``hear_all``,
    of a sequence of them, that returns a list; see :func:`hear_all`.
    """

    about: Decoder

    def __call__(self, speech: np.ndarray) -> Heard:
        """Recognise one utterance, (Samples,) in [-1, 1]."""
        ...


def hear_all(hear: Hear, speeches: Sequence[np.ndarray]) -> list[Heard]:
    """Recognise several utterances: at once where the decoder can, else one by one."""
    at_once: Callable[[Sequence[np.ndarray]], list[Heard]] | None
    at_once = getattr(hear, "hear_all", None)
    return (
        [hear(speech) for speech in speeches] if at_once is None else at_once(speeches)
    )


class Victim(Protocol):
    """A recogniser as its attacker sees it: frozen, differentiable, in batches.

    Attributes:
        sha256: Digest of the package.
        rate: Sampling rate in Hz.
        device: Where its tensors live.
        weights: Weight of each branch in the model's training objective. Its keys are
            the branches that exist, of ``ctc``, ``att`` and ``accent``.
        accents: Accent labels in class order; empty without an accent branch.
    """

    sha256: str
    rate: int
    device: torch.device
    weights: dict[str, float]
    accents: tuple[str, ...]

    def losses(
        self,
        speech: torch.Tensor,
        lengths: torch.Tensor,
        texts: Sequence[Sequence[int]],
        accents: Sequence[int],
        branches: Collection[str],
    ) -> dict[str, torch.Tensor]:
        """Calculate the loss of each utterance and branch.

        Args:
            speech: Waveforms in [-1, 1], (Batch, Samples), zero beyond their lengths.
            lengths: Samples of each, (Batch,).
            texts: Token ids that should be heard, one sequence an utterance.
            accents: Accent class that should be heard, one an utterance.
            branches: Branches wanted; the others are not computed.

        Returns:
            Negative log-likelihood in nats by branch, each (Batch,).
        """
        ...

    def encode_text(self, text: str) -> list[int]:
        """Turn a transcript into token ids, without start and end."""
        ...

    def num_frames(self, num_samples: int) -> int:
        """Count the encoder's frames for audio of a length; 0 where it is too short."""
        ...

    def write_text(self, text: str) -> str:
        """Write a text as its own tokens spell it; ``<unk>`` is what no token can."""
        ...
