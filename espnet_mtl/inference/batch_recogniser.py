"""Recognise several utterances at once, as each is recognised alone."""

from collections.abc import Iterator, Mapping, Sequence

import espnet_mtl.fast_start  # noqa: F401  (before ESPnet)

import numpy as np
import torch
from espnet2.layers.stft import Stft

from espnet_mtl.asr_mtl.too_short import explain_too_short
from espnet_mtl.inference.batch_search import BatchSearch, can_batch
from espnet_mtl.inference.speech2text import (
    Hypothesis,
    Recognised,
    Speech2TextAccent,
)
from espnet_mtl.victim.padding import hear_alone

# Samples of a batch, padding included: a minute at 16 kHz. Larger ones are not faster
# on a processor, and memory does not grow with what is attacked at once.
_MOST_SAMPLES = 2**20


class BatchRecogniser:
    """Recognises in batches what ``Speech2TextAccent`` recognises one by one.

    Padding is taken out of the model in place, which leaves what it makes of a single
    utterance as it is. Sums are rounded otherwise in a batch, so that two hypotheses
    whose scores are equal to the sixth digit may change places.

    Args:
        recogniser: The recogniser.

    Attributes:
        able: Whether model and search are of kinds that give the same in a batch.
        nbest: How many hypotheses are asked for.
    """

    def __init__(self, recogniser: Speech2TextAccent):
        self._recogniser = recogniser
        self._stock = stock = recogniser.speech2text
        self.nbest: int = stock.nbest
        self.able = (
            stock.dtype == "float32"
            and can_batch(stock.beam_search)
            and not hear_alone(recogniser.model)
            and not _is_quantised(recogniser.model)
        )
        self._half_window = _half_window(recogniser.model)
        if self.able:
            self._search = BatchSearch(
                stock.beam_search, stock.maxlenratio, stock.minlenratio
            )

    def recognise_all(
        self, key: str, speeches: Sequence[np.ndarray]
    ) -> list[Recognised]:
        """Recognise utterances, in batches or one by one; the result is the same.

        The log names them by ``key``; ``speeches`` are those of :meth:`__call__`. In
        a batch, only the best hypothesis is told.
        """
        found: Sequence[Recognised | None] = [None] * len(speeches)
        if self.able and len(speeches) > 1:
            found = self(speeches)
        return [
            self._recogniser.recognise(key, speech) if one is None else one
            for speech, one in zip(speeches, found, strict=True)
        ]

    @torch.no_grad()
    def __call__(self, speeches: Sequence[np.ndarray]) -> list[Recognised | None]:
        """Recognise utterances, each (Samples,) in [-1, 1] at the model's rate.

        Only where they can be recognised in batches. ``None`` for those that have to be
        recognised alone: very short ones, and those in which no hypothesis ended.
        """
        heard: list[Recognised | None] = [None] * len(speeches)
        lengths = {row: len(speech) for row, speech in enumerate(speeches)}
        long = {row: n for row, n in lengths.items() if n > self._half_window}
        for rows in _make_batches(long):
            found = self._recognise([speeches[row] for row in rows])
            for row, one in zip(rows, found, strict=True):
                heard[row] = one
        return heard

    def _recognise(self, speeches: Sequence[np.ndarray]) -> list[Recognised | None]:
        # 1. Encode
        device = self._stock.device
        audios = [torch.as_tensor(one, dtype=torch.float32) for one in speeches]
        batch = torch.nn.utils.rnn.pad_sequence(audios, batch_first=True).to(device)
        lengths = torch.tensor([len(one) for one in audios], device=device)
        model = self._recogniser.model
        try:
            encoded, frames = model.encode(batch, lengths)
        except Exception as error:
            if explain_too_short(error) is None:
                raise
            return [None] * len(speeches)

        # 2. Text, of all that is long enough to be heard
        outputs = encoded[0] if isinstance(encoded, tuple) else encoded
        audible = (frames > 0).nonzero()[:, 0]
        best: list[Hypothesis | None] = [None] * len(speeches)
        found = self._search(outputs[audible], frames[audible])
        for row, one in zip(audible.tolist(), found, strict=True):
            best[row] = None if one is None else self._write(*one)

        # 3. Accent
        posteriors: list[tuple[float, ...] | None] = [None] * len(best)
        if self._recogniser.accents:
            shares = model.accent_logits(encoded, frames).softmax(dim=1)
            posteriors = [tuple(row) for row in shares.tolist()]
        return [
            None if text is None else Recognised(nbest=(text,), posteriors=accent)
            for text, accent in zip(best, posteriors, strict=True)
        ]

    def _write(self, token_ids: Sequence[int], score: float) -> Hypothesis:
        """Write a hypothesis as ESPnet's ``Speech2Text`` does, without blanks."""
        spoken = [token for token in token_ids if token != 0]
        tokens = self._stock.converter.ids2tokens(spoken)
        tokenizer = self._stock.tokenizer
        return Hypothesis(
            text="" if tokenizer is None else tokenizer.tokens2text(tokens),
            token=" ".join(tokens),
            token_int=" ".join(map(str, spoken)),
            score=str(score),
        )


def _is_quantised(model: torch.nn.Module) -> bool:
    """Whether a layer scales its input by the largest number of the whole batch."""
    return any("quantized" in type(module).__module__ for module in model.modules())


def _half_window(model: torch.nn.Module) -> int:
    """Samples that a centred STFT needs to mirror; alone, it refuses shorter audio."""
    stfts = [module for module in model.modules() if isinstance(module, Stft)]
    return max((stft.n_fft // 2 for stft in stfts if stft.center), default=0)


def _make_batches(lengths: Mapping[int, int]) -> Iterator[list[int]]:
    """Put rows of similar length together, the longest first."""
    batch: list[int] = []
    for row in sorted(lengths, key=lambda row: -lengths[row]):
        if batch and lengths[batch[0]] * (len(batch) + 1) > _MOST_SAMPLES:
            yield batch
            batch = []
        batch.append(row)
    if batch:
        yield batch
