"""Stock ESPnet decoding that also tells the accent."""

import importlib.util
import logging
from pathlib import Path
from typing import NamedTuple
from unittest import mock

import espnet_mtl.fast_start  # noqa: F401  (before ESPnet)

import numpy as np
import torch
import yaml
from espnet2.bin import asr_inference

from espnet_mtl.errors import UserError
from espnet_mtl.tasks.asr_mtl import ASRMTLTask
from espnet_mtl.tasks.lm import StrictLMTask


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
    accent is read from the same encoder output. A beam larger than the number of tokens
    is one of all tokens.

    Args:
        asr_train_config: The ``config.yaml`` that training saved.
        asr_model_file: The weights.
        **options: Any other argument of ``Speech2Text``, such as ``lm_train_config``
            and ``lm_file``.

    Raises:
        UserError: If weights do not fit, hold more than tensors, the language model
            counts other tokens than the recogniser, or KenLM is missing.
    """

    def __init__(self, asr_train_config, asr_model_file=None, **options):
        if options.get("ngram_file") and importlib.util.find_spec("kenlm") is None:
            raise UserError(
                f"{options['ngram_file']}: decoding with an n-gram model needs KenLM's "
                "Python package: 'pip install kenlm'; or leave the n-gram model out"
            )
        # Speech2Text builds its models through the module's tasks; ours load the same
        # weights, strictly, and keep the accent head.
        with (
            mock.patch.object(asr_inference, "ASRTask", ASRMTLTask),
            mock.patch.object(asr_inference, "LMTask", StrictLMTask),
        ):
            self.speech2text = asr_inference.Speech2Text(
                asr_train_config=asr_train_config,
                asr_model_file=asr_model_file,
                **options,
            )
        _limit_beam(self.speech2text.beam_search)
        self.model = self.speech2text.asr_model
        self.train_args = self.speech2text.asr_train_args
        if options.get("lm_train_config"):
            _check_tokens(self.model.token_list, options["lm_train_config"])
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


def _limit_beam(search) -> None:
    """Keep a beam to the tokens that there are: ESPnet's search ends in an error else.

    Its search of transducers, which is no ``BeamSearch``, does that itself.
    """
    if not isinstance(search, asr_inference.BeamSearch):
        return
    if search.beam_size > search.n_vocab:
        logging.info(
            "--beam_size %d is limited to the %d tokens of the model",
            search.beam_size,
            search.n_vocab,
        )
        search.beam_size = search.n_vocab


def _check_tokens(tokens: list[str], lm_train_config: Path | str) -> None:
    """ESPnet adds the scores of tokens by their numbers, whatever these stand for."""
    config = yaml.safe_load(Path(lm_train_config).read_text(encoding="utf-8"))
    if list(config["token_list"]) != list(tokens):
        raise UserError(
            f"{lm_train_config}: the language model has other tokens "
            f"({len(config['token_list'])}) than the recogniser ({len(tokens)}); train "
            "it with the recogniser's token list (stages 6 and 7)"
        )


def _text_results(results) -> list[tuple]:
    """Drop the intermediate CTC results that some encoders add."""
    return results[0] if isinstance(results, tuple) else results
