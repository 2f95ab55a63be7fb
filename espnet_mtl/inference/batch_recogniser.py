"""Recognise several utterances at once, as each is recognised alone."""

from collections.abc import Iterator, Sequence

import espnet_mtl.fast_start  # noqa: F401  (before ESPnet)

import numpy as np
import torch

from espnet_mtl.asr_mtl.too_short import explain_too_short
from espnet_mtl.inference.batch_search import BatchSearch, can_batch
from espnet_mtl.inference.speech2text import Speech2TextAccent
from espnet_mtl.metrics.wish import Heard
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
        able: Whether model and search are of kinds that give the same in a batch; if
            not, nothing may be recognised here.
    """

    def __init__(self, recogniser: Speech2TextAccent):
        self._recogniser = recogniser
        self._stock = stock = recogniser.speech2text
        self.able = (
            stock.dtype == "float32"
            and can_batch(stock.beam_search)
            and not hear_alone(recogniser.model)
        )
        if self.able:
            self._search = BatchSearch(
                stock.beam_search, stock.maxlenratio, stock.minlenratio
            )

    @torch.no_grad()
    def __call__(self, speeches: Sequence[np.ndarray]) -> list[Heard | None]:
        """Recognise utterances, each (Samples,) in [-1, 1] at the model's rate.

        ``None`` for those that have to be recognised alone: very short ones, and those
        in which no hypothesis ended.
        """
        heard: list[Heard | None] = [None] * len(speeches)
        for rows in _make_batches([len(speech) for speech in speeches]):
            found = self._recognise([speeches[row] for row in rows])
            for row, one in zip(rows, found, strict=True):
                heard[row] = one
        return heard

    def _recognise(self, speeches: Sequence[np.ndarray]) -> list[Heard | None]:
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
        texts: list[list[int] | None] = [None] * len(speeches)
        found = self._search(outputs[audible], frames[audible])
        for row, text in zip(audible.tolist(), found, strict=True):
            texts[row] = text

        # 3. Accent
        accents: list[str | None] = [None] * len(texts)
        if self._recogniser.accents:
            logits = model.accent_logits(encoded, frames).tolist()
            accents = [self._recogniser.best_accent(row) for row in logits]
        return [
            None if text is None else Heard(self._write(text), accent)
            for text, accent in zip(texts, accents, strict=True)
        ]

    def _write(self, token_ids: Sequence[int]) -> str:
        """Write tokens as ESPnet's ``Speech2Text`` does, without blanks."""
        tokenizer = self._stock.tokenizer
        if tokenizer is None:
            return ""
        written = self._stock.converter.ids2tokens([t for t in token_ids if t != 0])
        text: str = tokenizer.tokens2text(written)
        return text


def _make_batches(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Put rows of similar length together, the longest first."""
    batch: list[int] = []
    for row in sorted(range(len(lengths)), key=lambda row: -lengths[row]):
        if batch and lengths[batch[0]] * (len(batch) + 1) > _MOST_SAMPLES:
            yield batch
            batch = []
        batch.append(row)
    if batch:
        yield batch
