"""A recogniser behind randomised smoothing."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import espnet_mtl.fast_start  # noqa: F401  (before ESPnet)

import numpy as np
import torch

from espnet_mtl.attack.eot import EOT
from espnet_mtl.inference.batch_recogniser import BatchRecogniser
from espnet_mtl.inference.smoothing import Smoothing
from espnet_mtl.inference.speech2text import (
    Hypothesis,
    Recognised,
    Speech2TextAccent,
)
from espnet_mtl.inference.vote import rank
from espnet_mtl.seeding import seed_of

_NOTHING = Hypothesis(text="", token="", token_int="", score="")


class SmoothedRecogniser:
    """Recognises noisy copies of each utterance, and lets them vote.

    The noise is that of :class:`EOT`, so that an attacker can average over exactly what
    is drawn here. All copies are recognised in batches where model and search allow it.

    Args:
        together: Recognises the copies.
        smoothing: How many there are, how noisy, and how they vote.
    """

    def __init__(self, together: BatchRecogniser, smoothing: Smoothing):
        self._together = together
        self._smoothing = smoothing
        self._noise = EOT(gaussian=smoothing.std)

    def recognise_all(
        self, key: str, speeches: Sequence[np.ndarray], seeds: Sequence[int]
    ) -> list[Recognised]:
        """Recognise utterances, each (Samples,) in [-1, 1] at the model's rate.

        Args:
            key: Names them in the log.
            speeches: Their audio.
            seeds: Of each one's noise.

        Returns:
            The different transcripts of each, the winner first, as many as ``nbest``
            asks for. A score is minus the cost in the vote. Accent probabilities are
            the mean over the copies.
        """
        copies = [
            copy
            for speech, seed in zip(speeches, seeds, strict=True)
            for copy in self._draw(speech, seed)
        ]
        heard = self._together.recognise_all(key, copies)
        draws = self._smoothing.draws
        return [
            self._vote(heard[first : first + draws])
            for first in range(0, len(heard), draws)
        ]

    def _draw(self, speech: np.ndarray, seed: int) -> list[np.ndarray]:
        draws = self._smoothing.draws
        audio = torch.as_tensor(speech, dtype=torch.float32)
        noisy = self._noise.transform(
            audio.expand(draws, -1),
            torch.full((draws,), len(audio)),
            [seed_of(seed, "draw", number) for number in range(draws)],
        )
        return list(noisy.numpy())

    def _vote(self, heard: Sequence[Recognised]) -> Recognised:
        """Let the copies of an utterance vote."""
        # To hear nothing is a vote, too.
        first = [one.nbest[0] if one.nbest else _NOTHING for one in heard]
        ranked = rank([one.text for one in first], self._smoothing.vote)
        said = {one.text: one for one in first}
        nbest = tuple(
            replace(said[text], score=str(0.0 - cost))
            for text, cost in ranked[: self._together.nbest]
        )
        posteriors = [one.posteriors for one in heard if one.posteriors is not None]
        if not posteriors:
            return Recognised(nbest=nbest)
        mean = np.mean(posteriors, axis=0).tolist()
        return Recognised(nbest=nbest, posteriors=tuple(mean))


def recognise_from_disk(
    recogniser: Speech2TextAccent, smoothing: Smoothing, seed: int
) -> Callable[[str, torch.Tensor], Recognised]:
    """Return what recognises an utterance by key and samples, the same each time.

    The noise depends on ``seed`` (``--seed`` of decoding) and on the key, so that
    another seed is another draw of all noise. No attack knows this noise: what it hears
    itself is seeded by the audio.
    """
    smoothed = SmoothedRecogniser(BatchRecogniser(recogniser), smoothing)

    def recognise(key: str, speech: torch.Tensor) -> Recognised:
        seeds = [seed_of("decoding", seed, key)]
        return smoothed.recognise_all(key, [np.asarray(speech)], seeds)[0]

    return recognise
