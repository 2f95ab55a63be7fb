"""A victim behind randomised smoothing, as its attacker sees it."""

from collections.abc import Collection, Sequence

import torch

from espnet_mtl.attack.eot import EOT, Draws
from espnet_mtl.attack.victim import Victim
from espnet_mtl.seeding import seed_of


class SmoothedVictim:
    """A victim whose losses are those of a noisy copy, drawn anew at each call.

    Implements :class:`espnet_mtl.attack.victim.Victim`. An attack with ``eot`` averages
    over the copies. The vote over transcripts has no gradient; it is for the decoder
    that the attack asks.

    What an utterance gets depends on its length, its text, and how often a loss of an
    utterance like it in both was calculated.

    Args:
        victim: The recogniser that hears the copies.
        std: Standard deviation of the noise, of full scale 1.
    """

    def __init__(self, victim: Victim, std: float):
        self._victim = victim
        self._noise = EOT(gaussian=std)
        self._draws: dict[tuple[int, ...], Draws] = {}
        self.sha256 = victim.sha256
        self.rate = victim.rate
        self.device = victim.device
        self.weights = victim.weights
        self.accents = victim.accents

    def losses(
        self,
        speech: torch.Tensor,
        lengths: torch.Tensor,
        texts: Sequence[Sequence[int]],
        accents: Sequence[int],
        branches: Collection[str],
    ) -> dict[str, torch.Tensor]:
        """Calculate the losses of noisy copies; see ``Victim``."""
        utterances = zip(lengths.tolist(), texts, strict=True)
        seeds = [self._next_seed((length, *text)) for length, text in utterances]
        noisy = self._noise.transform(speech, lengths, seeds)
        return self._victim.losses(noisy, lengths, texts, accents, branches)

    def encode_text(self, text: str) -> list[int]:
        """Turn a transcript into token ids; see ``Victim``."""
        return self._victim.encode_text(text)

    def num_frames(self, num_samples: int) -> int:
        """Count the encoder's frames for audio of a length; see ``Victim``."""
        return self._victim.num_frames(num_samples)

    def write_text(self, text: str) -> str:
        """Write a text as its tokens spell it; see ``Victim``."""
        return self._victim.write_text(text)

    def _next_seed(self, utterance: tuple[int, ...]) -> int:
        draws = self._draws.get(utterance)
        if draws is None:
            draws = self._draws[utterance] = Draws(seed_of("smoothed", *utterance))
        return draws.take(1)[0]
