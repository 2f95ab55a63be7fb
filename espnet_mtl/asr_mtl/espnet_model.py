"""The recogniser with an accent branch."""

import logging
import math
from typing import NamedTuple

import torch
from espnet2.asr.espnet_model import ESPnetASRModel
from espnet2.torch_utils.device_funcs import force_gatherable

from espnet_mtl.asr_mtl.accent_head.abs_accent_head import AbsAccentHead, Encoded
from espnet_mtl.errors import UserError
from espnet_mtl.train.preprocessor import UNKNOWN_ACCENT_ID


class _EncodedSpeech(NamedTuple):
    """A batch that is encoded already, in the place of its audio.

    ESPnet's ``forward`` does two things with the audio: it asks for the batch size, and
    hands it to :meth:`ESPnetASRMTLModel.encode`.
    """

    encoded: Encoded
    lengths: torch.Tensor

    @property
    def shape(self) -> torch.Size:
        """(Batch,)."""
        return self.lengths.shape


class ESPnetASRMTLModel(ESPnetASRModel):
    """A hybrid CTC/attention recogniser that also classifies the speaker's accent.

    The loss is ``(1 - accent_weight) * L_asr + accent_weight * L_accent``, where
    ``L_asr`` is exactly ESPnet's (CTC, attention and whatever else the configuration
    asks for), after Das & Chau 2022 (arXiv 2204.02381, abstract). The encoder runs once
    for all branches. Utterances of unknown accent train the recogniser only.
    ``L_accent`` is the sum over the labelled utterances of a batch, divided by the
    number of all its utterances, as ESPnet divides ``L_asr``: each labelled utterance
    weighs alike, however many of its batch are labelled.

    Weights are those of ``ESPnetASRModel`` under the same names, plus
    ``accent_head.*``, so that stock ESPnet loads a checkpoint and ignores the head.

    Args:
        recogniser: The recogniser. Its layers and settings become those of this model,
            as they are; do not use it afterwards.
        accent_list: Accent labels; the position of a label is its class.
        accent_weight: Share of the accent loss, 0 < accent_weight <= 1.
        accent_head: The branch. The encoder hands out the output of the block that it
            reads, for the branch alone.

    Raises:
        UserError: If ``accent_weight`` is out of range, or the encoder cannot hand out
            the block without a change to the recogniser.
    """

    def __init__(
        self,
        recogniser: ESPnetASRModel,
        accent_list: list[str],
        accent_weight: float,
        accent_head: AbsAccentHead,
    ):
        if not 0.0 < accent_weight <= 1.0:
            raise UserError(
                f"accent_weight is {accent_weight}; it must be between 0 and 1 "
                "(0 trains the recogniser alone)"
            )
        # ESPnet's constructor has made the recogniser: its weights must not be drawn
        # again, and what it does with its arguments need not be known here.
        torch.nn.Module.__init__(self)
        vars(self).update(vars(recogniser))
        self.accent_list = list(accent_list)
        self.accent_weight = accent_weight
        self.accent_head = accent_head
        # Blocks that the recogniser has a loss for, if it has one for any
        self._own_blocks = self._hand_out(accent_head.layer)

    def _hand_out(self, block: int | None) -> tuple[int, ...]:
        """Have the encoder return the output of a block, too, counted from 1.

        Returns:
            The blocks that it has returned before.
        """
        encoder = self.encoder
        own = tuple(getattr(encoder, "interctc_layer_idx", None) or ())
        if block is None:
            return own
        place = f"accent_head_conf: layer: {block}"
        if self.postencoder is not None:
            raise UserError(
                f"{place}: with a post-encoder, the encoder's blocks may have other "
                "lengths than its output. Leave 'layer' out to classify the output"
            )
        if any(
            getattr(part, "layer_drop_rate", 0.0)
            for part in (encoder, getattr(encoder, "encoders", None))
        ):
            raise UserError(
                f"{place}: with encoder_conf: layer_drop_rate, a block may be left out "
                "in training, and then has no output. Set layer_drop_rate to 0, in all "
                "systems that are compared, or leave 'layer' out"
            )
        if block in own:
            return own
        if not hasattr(encoder, "interctc_layer_idx"):
            raise UserError(
                f"{place}: a {type(encoder).__name__} does not return the outputs of "
                "its blocks. Leave 'layer' out to classify the encoder's last output"
            )
        last = len(encoder.encoders) - 1
        if not 0 < block <= last:
            raise UserError(
                f"{place} is not one of the encoder's blocks 1 to {last}. Leave "
                "'layer' out to classify the last block's output"
            )
        for name in ("interctc_use_conditioning", "ctc_trim"):
            if getattr(encoder, name, False):
                raise UserError(
                    f"{place}: with encoder_conf: {name}, each block that the encoder "
                    "returns changes what follows, so that systems with and without "
                    "the accent branch would differ in their recognisers, too. Add the "
                    "block to encoder_conf: interctc_layer_idx, in all systems that "
                    "are compared"
                )
        logging.info("The accent head reads the output of encoder block %d", block)
        encoder.interctc_layer_idx = sorted([*own, block])
        return own

    def encode(
        self, speech: torch.Tensor | _EncodedSpeech, speech_lengths: torch.Tensor
    ) -> tuple[Encoded, torch.Tensor]:
        """Frontend and encoder, as in ``ESPnetASRModel``.

        Args:
            speech: (Batch, Samples).
            speech_lengths: (Batch,).

        Returns:
            Encoder output (Batch, Frames, Dim), with the outputs of single blocks if
            the configuration asks for them, and its lengths (Batch,).
        """
        if isinstance(speech, _EncodedSpeech):
            return speech.encoded, speech.lengths
        return super().encode(speech, speech_lengths)

    def accent_logits(
        self, encoded: Encoded, encoded_lengths: torch.Tensor
    ) -> torch.Tensor:
        """Return logits, (Batch, Accents), for what :meth:`encode` returned."""
        return self.accent_head(encoded, encoded_lengths)

    def forward(
        self,
        speech: torch.Tensor,
        speech_lengths: torch.Tensor,
        text: torch.Tensor,
        text_lengths: torch.Tensor,
        accent: torch.Tensor | None = None,
        **kwargs,
    ) -> tuple[torch.Tensor, dict[str, torch.Tensor], torch.Tensor]:
        """Calculate the multi-task loss.

        Args:
            speech: (Batch, Samples).
            speech_lengths: (Batch,).
            text: Token ids, (Batch, Tokens), padded with -1.
            text_lengths: (Batch,).
            accent: Accent class, (Batch, 1); -1 where unknown.
            **kwargs: What ESPnet passes besides, such as ``utt_id``.

        Returns:
            Loss, statistics for the log and the batch size.
        """
        if accent is None:
            raise UserError(
                "the batches have no accents: give training and validation each an "
                "'utt2accent,accent,text' in *_data_path_and_name_and_type, or train "
                "without an accent branch by --accent_weight 0"
            )

        # 1. Encode, once for all branches
        encoded, lengths = self.encode(speech, speech_lengths)

        # 2. Recogniser
        own = _EncodedSpeech(self._without_block_of_branch(encoded), lengths)
        loss_asr, stats, weight = super().forward(
            own, speech_lengths, text, text_lengths, **kwargs
        )

        # 3. Accent branch
        logits = self.accent_logits(encoded, lengths)
        loss_accent, acc_accent = self._calc_accent_loss(logits, accent.view(-1))

        # 4. Weighted sum
        loss = (1 - self.accent_weight) * loss_asr + self.accent_weight * loss_accent
        labelled = math.isfinite(acc_accent)
        stats.update(
            loss_asr=loss_asr.detach(),
            loss_accent=loss_accent.detach() if labelled else math.nan,
            acc_accent=acc_accent,
            loss=loss.detach(),
        )
        return force_gatherable((loss, stats, weight), loss.device)

    def _without_block_of_branch(self, encoded: Encoded) -> Encoded:
        """Leave out what only the accent branch reads: it gets no loss of its own."""
        if not isinstance(encoded, tuple):
            return encoded
        last, blocks = encoded
        own = [(block, frames) for block, frames in blocks if block in self._own_blocks]
        return (last, own) if own else last

    def _calc_accent_loss(
        self, logits: torch.Tensor, accent: torch.Tensor
    ) -> tuple[torch.Tensor, float]:
        """Return the loss, and the accuracy over the labelled utterances.

        If there are none, the loss is a zero that still depends on every weight
        (parallel training waits for each weight's gradient), and the accuracy is NaN,
        which ESPnet's log leaves out of its averages.
        """
        loss = torch.nn.functional.cross_entropy(
            logits, accent, ignore_index=UNKNOWN_ACCENT_ID, reduction="sum"
        )
        correct = (logits.argmax(dim=1) == accent)[accent != UNKNOWN_ACCENT_ID]
        return loss / len(accent), correct.float().mean().item()
