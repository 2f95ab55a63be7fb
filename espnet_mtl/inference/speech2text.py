"""Stock ESPnet decoding that also tells the accent."""

from typing import NamedTuple
from unittest import mock

import espnet_mtl.fast_start  # noqa: F401  (before ESPnet)

import numpy as np
import torch
from espnet2.bin import asr_inference

from espnet_mtl.tasks.asr_mtl import ASRMTLTask


class Recognised(NamedTuple):
    """What was heard in one utterance.

    Attributes:
        hypotheses: What stock ``Speech2Text`` returns: (text, tokens, token ids,
            hypothesis), best first.
        posteriors: Accent probabilities, (Accents,); ``None`` without an accent head.
    """

    hypotheses: list[tuple]
    posteriors: np.ndarray | None


class Speech2TextAccent:
    """ESPnet's ``Speech2Text`` around a model that may have an accent head.

    The text comes out of stock ``Speech2Text``, encoder and beam search included; the
    accent is read from the same encoder output.

    Args:
        asr_train_config: The ``config.yaml`` that training saved.
        asr_model_file: The weights.
        **options: Any other argument of ``Speech2Text``.
    """

    def __init__(self, asr_train_config, asr_model_file=None, **options):
        # Speech2Text builds its model through the module's ASRTask; ours loads the
        # same weights, strictly, and keeps the accent head.
        with mock.patch.object(asr_inference, "ASRTask", ASRMTLTask):
            self.speech2text = asr_inference.Speech2Text(
                asr_train_config=asr_train_config,
                asr_model_file=asr_model_file,
                **options,
            )
        self.model = self.speech2text.asr_model
        self.train_args = self.speech2text.asr_train_args
        self.accents: tuple[str, ...] = tuple(getattr(self.model, "accent_list", ()))

    @torch.no_grad()
    def __call__(self, speech: np.ndarray) -> Recognised:
        """Recognise one utterance.

        Args:
            speech: Samples in [-1, 1] at the model's rate, (Samples,).

        Returns:
            Hypotheses and accent posteriors.
        """
        if not self.accents:
            return Recognised(_text_results(self.speech2text(speech)), None)
        with self.model.keep_encoded() as kept:
            hypotheses = _text_results(self.speech2text(speech))
        logits = self.model.accent_logits(*kept[0])
        return Recognised(hypotheses, logits.softmax(dim=1)[0].cpu().numpy())


def _text_results(results) -> list[tuple]:
    """Drop the intermediate CTC results that some encoders add."""
    return results[0] if isinstance(results, tuple) else results
