"""Batches as ESPnet's trainer gives them to a model, with other audio or texts."""

from typing import Any, NamedTuple

import torch

from espnet_mtl.errors import UserError
from espnet_mtl.seeding import seed_of

# What ESPnet's collate function makes of a batch, and ``utt_id``
Batch = dict[str, Any]
# What a model makes of it: loss, statistics for the log, and its number of utterances
Result = tuple[torch.Tensor, dict[str, torch.Tensor], torch.Tensor]


class Moment(NamedTuple):
    """A point of a training; with the utterance, all that a random choice depends on.

    Attributes:
        phase: ``train`` or ``valid``.
        seed: That of the training.
        batch: Batches before it: in all epochs if it trains, in its epoch if it
            validates.
        update: Updates of the weights before it.
    """

    phase: str
    seed: int
    batch: int
    update: int

    def seeds(self, purpose: str, batch: Batch) -> list[int]:
        """Return a seed for each utterance of a batch.

        In validation they are the same in each epoch.
        """
        count = self.batch if self.phase == "train" else 0
        return [
            seed_of(self.seed, self.phase, purpose, utt, count)
            for utt in batch["utt_id"]
        ]


def with_speech(batch: Batch, speech: torch.Tensor) -> Batch:
    """Return a batch with other audio, for one pass through a model.

    Texts and their lengths are copies: ESPnet's models change them in place.
    """
    copies = {name: batch[name].clone() for name in ("text", "text_lengths")}
    return {**batch, **copies, "speech": speech}


def with_others_words(batch: Batch) -> tuple[Batch, torch.Tensor]:
    """Give each utterance the text of the next one of its batch.

    ESPnet sorts a batch by length, so the next one is about as long.

    Returns:
        The batch, and whether an utterance's text is now another one, (Batch,).
    """
    rolled = {name: batch[name].roll(1, 0) for name in ("text", "text_lengths")}
    differs = (rolled["text"] != batch["text"]).any(dim=1)
    return {**batch, **rolled}, differs


def check_audio(batch: Batch) -> None:
    """Refuse a batch that cannot be attacked.

    Raises:
        UserError: If it has features or several channels.
    """
    speech = batch["speech"]
    if speech.dim() != 2 or not speech.is_floating_point():
        raise UserError(
            f"--robust attacks audio of one channel, but 'speech' has the shape "
            f"{tuple(speech.shape)}: give the data as audio (type 'sound'), and train "
            "on features or several channels with --robust none"
        )
