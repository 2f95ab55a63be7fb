"""ESPnet's decoding, which also tells the accent."""

import importlib.util
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import espnet_mtl.fast_start  # noqa: F401  (before ESPnet)

import numpy as np
import torch
import yaml
from espnet2.bin import asr_inference
from espnet2.torch_utils.device_funcs import to_device

from espnet_mtl.asr_mtl.too_short import explain_too_short
from espnet_mtl.errors import UserError
from espnet_mtl.package.packing import check_lm_tokens
from espnet_mtl.precision import use_full_precision
from espnet_mtl.tasks.asr_mtl import ASRMTLTask
from espnet_mtl.tasks.lm import StrictLMTask
from espnet_mtl.tasks.substitute import substitute
from espnet_mtl.tasks.tokenizer import read_tokenizer


@dataclass(frozen=True, kw_only=True)
class Hypothesis:
    """A transcript; each attribute is a line of ESPnet's file of that name."""

    text: str
    token: str
    token_int: str
    score: str


@dataclass(frozen=True, kw_only=True)
class Recognised:
    """What was heard in one utterance; nothing where the audio is too short.

    Attributes:
        nbest: Hypotheses, best first.
        posteriors: Accent probabilities in class order; ``None`` without an accent
            head.
    """

    nbest: tuple[Hypothesis, ...] = ()
    posteriors: tuple[float, ...] | None = None


class Speech2TextAccent:
    """ESPnet's ``Speech2Text``, with its arguments, for models with an accent head too.

    Encoder and beam search are those of stock ``Speech2Text``; the accent is read from
    the same encoder output. A beam that is larger than the number of tokens is reduced
    to it.

    Raises:
        UserError: If weights do not fit or hold more than tensors, if the language
            model has other tokens than the recogniser, or if KenLM is missing.
    """

    def __init__(self, asr_train_config, asr_model_file=None, **options):
        if options.get("ngram_file") and importlib.util.find_spec("kenlm") is None:
            raise UserError(
                f"{options['ngram_file']}: decoding with an n-gram model needs KenLM's "
                "Python package: 'pip install kenlm'; or leave the n-gram model out"
            )
        use_full_precision()
        # ESPnet's own tasks would load weights that run code, and drop the accent head.
        with substitute(asr_inference, ASRTask=ASRMTLTask, LMTask=StrictLMTask):
            self.speech2text = asr_inference.Speech2Text(
                asr_train_config=asr_train_config,
                asr_model_file=asr_model_file,
                **options,
            )
        if self.speech2text.tokenizer is not None:
            read_tokenizer(self.speech2text.tokenizer, asr_train_config)
        _limit_beam(self.speech2text.beam_search)
        self.model = self.speech2text.asr_model
        self.train_args = self.speech2text.asr_train_args
        if lm_config := options.get("lm_train_config"):
            lm = yaml.safe_load(Path(lm_config).read_text(encoding="utf-8"))
            check_lm_tokens(self.model.token_list, lm["token_list"], lm_config)
        self.accents: tuple[str, ...] = tuple(getattr(self.model, "accent_list", ()))

    @torch.no_grad()
    def __call__(self, speech: np.ndarray | torch.Tensor) -> Recognised:
        """Recognise one utterance, (Samples,) in [-1, 1] at the model's rate."""
        if not self.accents:
            results = self.speech2text(speech)
            # Some encoders add the results of intermediate CTC.
            return Recognised(
                nbest=_describe(results[0] if isinstance(results, tuple) else results)
            )
        # 1. Encode, once for text and accent
        logging.info("speech length: %d", len(speech))  # ESPnet's tools look for this
        dtype = getattr(torch, self.speech2text.dtype)
        batch = {
            "speech": torch.as_tensor(speech, dtype=dtype)[None, :],
            "speech_lengths": torch.tensor([len(speech)]),
        }
        batch = to_device(batch, self.speech2text.device)
        encoded, lengths = self.model.encode(**batch)

        # 2. Text
        frames = encoded[0] if isinstance(encoded, tuple) else encoded
        nbest = _describe(self.speech2text._decode_single_sample(frames[0]))

        # 3. Accent
        posteriors = self.model.accent_logits(encoded, lengths).softmax(dim=1)[0]
        return Recognised(nbest=nbest, posteriors=tuple(posteriors.tolist()))

    def recognise(self, key: str, speech: np.ndarray | torch.Tensor) -> Recognised:
        """Recognise one utterance, which may be too short to hear anything in it.

        The log names it by ``key``; ``speech`` is that of :meth:`__call__`.
        """
        try:
            return self(speech)
        except Exception as error:
            reason = explain_too_short(error)
            if reason is None:
                raise
            logging.warning("%s is %s: nothing was heard", key, reason)
            return Recognised()

    def best_accent(self, posteriors: Sequence[float]) -> str:
        """Return the most probable accent."""
        return self.accents[int(np.argmax(posteriors))]


def _limit_beam(search) -> None:
    """Limit a beam to the number of tokens; ESPnet's search fails with a larger one.

    The search of transducers, which is no ``BeamSearch``, limits it itself.
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


def _describe(results: list[tuple]) -> tuple[Hypothesis, ...]:
    return tuple(
        Hypothesis(
            text=text or "",
            token=" ".join(tokens),
            token_int=" ".join(map(str, token_ids)),
            score=str(float(hypothesis.score)),
        )
        for text, tokens, token_ids, hypothesis in results
    )
