"""What should be heard, as tensors that an attack needs again at every step."""

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

Texts = Sequence[Sequence[int]]
# Members of a suite and other models ask for the same targets in turn.
_MOST_KEPT = 8


@dataclass(frozen=True)
class Targets:
    """Texts and accents of a batch, on the model's device.

    Attributes:
        tokens: Token ids of all texts, one after another, (Tokens,).
        num_tokens: Of each text, (Batch,).
        inputs: What the decoder is told: start, text, and padding, (Batch, Longest).
        wanted: What it has to say: text and end, -1 in the padding, (Batch, Longest).
        num_inputs: Of each text, (Batch,).
        accents: Accent classes, (Batch,).
    """

    tokens: torch.Tensor
    num_tokens: torch.Tensor
    inputs: torch.Tensor
    wanted: torch.Tensor
    num_inputs: torch.Tensor
    accents: torch.Tensor


class TargetMaker:
    """Makes targets, and keeps those that were asked for last.

    Args:
        sos: Token at the start.
        eos: Token at the end.
        language: Tokens that the decoder says before each text.
        device: Where targets live.
    """

    def __init__(
        self, sos: int, eos: int, language: Sequence[int], device: torch.device
    ):
        self._sos, self._eos = sos, eos
        self._language = tuple(language)
        self._device = device
        self._make: Callable[..., Targets] = functools.lru_cache(_MOST_KEPT)(self._new)

    def __call__(self, texts: Texts, accents: Sequence[int]) -> Targets:
        """Return the targets of a batch."""
        return self._make(tuple(map(tuple, texts)), tuple(accents))

    def _new(
        self, texts: tuple[tuple[int, ...], ...], accents: tuple[int, ...]
    ) -> Targets:
        said = [(*self._language, *text) for text in texts]
        inputs = self._pad([(self._sos, *text) for text in said], self._eos)
        wanted = self._pad([(*text, self._eos) for text in said], -1)
        tokens = [token for text in texts for token in text]
        return Targets(
            torch.tensor(tokens, dtype=torch.long, device=self._device),
            torch.tensor([len(text) for text in texts], device=self._device),
            inputs,
            wanted,
            torch.tensor([len(text) + 1 for text in said], device=self._device),
            torch.tensor(accents, dtype=torch.long, device=self._device),
        )

    def _pad(self, rows: list[tuple[int, ...]], value: int) -> torch.Tensor:
        tensors = [torch.tensor(row) for row in rows]
        padded = torch.nn.utils.rnn.pad_sequence(
            tensors, batch_first=True, padding_value=value
        )
        return padded.to(self._device)
