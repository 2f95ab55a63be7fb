"""The recipe's decoder on a packed model, for one utterance after another."""

import argparse
import contextlib
import logging
import tempfile
from collections.abc import Iterator
from pathlib import Path

import espnet_mtl.fast_start  # noqa: F401  (before ESPnet)

import numpy as np
import torch

from espnet_mtl.errors import UserError
from espnet_mtl.inference.decode import (
    log_idle_weights,
    recognise,
    speech2text_options,
    take_from_zip,
)
from espnet_mtl.inference.decoding import Decoding
from espnet_mtl.inference.options import beam_size_of, parse_options
from espnet_mtl.inference.speech2text import Speech2TextAccent
from espnet_mtl.metrics.wish import Heard
from espnet_mtl.package.unpacking import unpack_model
from espnet_mtl.results.attack import Decoder


class PackedListener:
    """Decodes as stage 12 does; a ``Listener`` of the attack.

    Language models are those of the zip, unless an option names others.

    Args:
        zip_file: The packed model.
        decoding: How to decode.
        device: Where to decode.

    Attributes:
        about: ``branches`` that the search scores with, and its ``ctc_weight``,
            ``lm_weight``, ``ngram_weight`` (0 without such a model) and ``beam_size``.

    Raises:
        UserError: If the package or an option is refused.
    """

    def __init__(
        self,
        zip_file: Path,
        decoding: Decoding,
        device: str = "cpu",
    ):
        options = parse_options(decoding.config, decoding.args)
        with tempfile.TemporaryDirectory(prefix="espnet_mtl-") as folder:
            files = unpack_model(zip_file, Path(folder) / "model")
            options.asr_train_config = options.asr_model_file = None  # those of the zip
            take_from_zip(options, files)
            log_idle_weights(options)
            self._speech2text = Speech2TextAccent(
                device=device, **speech2text_options(options)
            )
        self.about = Decoder(
            branches=tuple(_branches(options, self._speech2text.model, zip_file)),
            ctc_weight=options.ctc_weight,
            lm_weight=options.lm_weight if options.lm_train_config else 0.0,
            ngram_weight=options.ngram_weight if options.ngram_file else 0.0,
            beam_size=beam_size_of(options, self._speech2text.model.token_list),
        )

    def __call__(self, speech: np.ndarray) -> Heard:
        """Recognise one utterance.

        Args:
            speech: Samples in [-1, 1] at the model's rate, (Samples,).

        Returns:
            Transcript and accent; empty where the audio is too short to be heard.
        """
        with _quiet():
            result = recognise(self._speech2text, "attacked", speech.astype(np.float32))
        if result is None or not result.hypotheses:
            return Heard("")
        accent = None
        if result.posteriors is not None:
            accent = self._speech2text.accents[int(np.argmax(result.posteriors))]
        return Heard(result.hypotheses[0][0] or "", accent)


def _branches(
    options: argparse.Namespace, model: torch.nn.Module, zip_file: Path
) -> list[str]:
    """Tell which branches the search scores with.

    A search goes on without a decoder that the model does not have, but fails without
    its CTC.
    """
    branches = []
    if options.ctc_weight > 0:
        branches.append("ctc")
    if options.ctc_weight < 1 and model.decoder is not None:
        branches.append("att")
    if not branches or ("ctc" in branches and model.ctc is None):
        wanted = 1 if model.decoder is None else 0
        raise UserError(
            f"{zip_file}: cannot be decoded with ctc_weight {options.ctc_weight}: give "
            f"--inference_args '--ctc_weight {wanted}', or an --inference_config that "
            "says so"
        )
    return sorted(branches)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep the lines that ESPnet's search logs of every utterance out of the log."""
    before = logging.root.manager.disable
    logging.disable(max(before, logging.INFO))
    try:
        yield
    finally:
        logging.disable(before)
