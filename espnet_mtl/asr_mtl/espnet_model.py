"""The recogniser with an accent branch."""

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

    Weights are those of ``ESPnetASRModel`` under the same names, plus
    ``accent_head.*``, so that stock ESPnet loads a checkpoint and ignores the head.

    Args:
        recogniser: The recogniser. Its layers and settings become those of this model,
            as they are; do not use it afterwards.
        accent_list: Accent labels; the position of a label is its class.
        accent_weight: Share of the accent loss, 0 < accent_weight <= 1.

    Raises:
        UserError: If ``accent_weight`` is out of range.
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
        encoded = _EncodedSpeech(*self.encode(speech, speech_lengths))

        # 2. Recogniser
        loss_asr, stats, weight = super().forward(
            encoded, speech_lengths, text, text_lengths, **kwargs
        )

        # 3. Accent branch
        logits = self.accent_logits(*encoded)
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

    def _calc_accent_loss(
        self, logits: torch.Tensor, accent: torch.Tensor
    ) -> tuple[torch.Tensor, float]:
        """Return mean cross-entropy and accuracy over the labelled utterances.

        If there are none, the loss is a zero that still depends on every weight
        (parallel training waits for each weight's gradient), and the accuracy is NaN,
        which ESPnet's log leaves out of its averages.
        """
        labelled = accent != UNKNOWN_ACCENT_ID
        if not labelled.any():
            return 0.0 * logits.sum(), math.nan
        logits, accent = logits[labelled], accent[labelled]
        accuracy = (logits.argmax(dim=1) == accent).float().mean().item()
        return torch.nn.functional.cross_entropy(logits, accent), accuracy
