"""The recipe's decoder on a packed model."""

import contextlib
import hashlib
import logging
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import espnet_mtl.fast_start  # noqa: F401  (before ESPnet)

import numpy as np
import torch

from espnet_mtl.errors import UserError
from espnet_mtl.inference.batch_recogniser import BatchRecogniser
from espnet_mtl.inference.decoding import Decoding
from espnet_mtl.inference.search import read_search
from espnet_mtl.inference.smoothed import SmoothedRecogniser
from espnet_mtl.inference.speech2text import Recognised, Speech2TextAccent
from espnet_mtl.metrics.wish import Heard
from espnet_mtl.results.attack import Decoder
from espnet_mtl.seeding import seed_of

_KEY = "attacked"  # what the log calls all that is heard


class PackedListener:
    """Decodes as stage 12 does; a ``Listener`` of the attack.

    With randomised smoothing, the same audio is heard with the same noise, and audio
    that differs in a single sample with other noise.

    Language models are those of the zip, unless an option names others. ``trusted`` is
    that of :meth:`Search.with_package`.

    Attributes:
        about: How the search weighs what it hears.

    Raises:
        UserError: If the package or an option is refused.
    """

    def __init__(
        self,
        zip_file: Path,
        decoding: Decoding,
        device: str = "cpu",
        trusted: bool = False,
    ):
        search = read_search(decoding)
        with tempfile.TemporaryDirectory(prefix="espnet_mtl-") as folder:
            search = search.with_package(zip_file, Path(folder) / "model", trusted)
            search.log_ignored_weights()
            self._speech2text = Speech2TextAccent(device=device, **search.options)
        self._together = BatchRecogniser(self._speech2text)
        self._smoothed = None
        if search.smoothing is not None:
            self._smoothed = SmoothedRecogniser(self._together, search.smoothing)
        model = self._speech2text.model
        ctc_weight = search.options["ctc_weight"]
        self.about = Decoder(
            branches=_list_branches(ctc_weight, model, zip_file),
            ctc_weight=ctc_weight,
            lm_weight=search.weight("lm_weight"),
            ngram_weight=search.weight("ngram_weight"),
            beam_size=search.beam_size(model.token_list),
        )

    def __call__(self, speech: np.ndarray) -> Heard:
        """Recognise one utterance, (Samples,) in [-1, 1] at the model's rate.

        Transcript and accent are empty where the audio is too short.
        """
        return self.hear_all([speech])[0]

    def hear_all(self, speeches: Sequence[np.ndarray]) -> list[Heard]:
        """Recognise several utterances; the result is that of one after another.

        Where the kinds of model and search allow it, it takes a fraction of the time.
        """
        audios = [speech.astype(np.float32) for speech in speeches]
        with _quiet():
            if self._smoothed is None:
                found = self._together.recognise_all(_KEY, audios)
            else:
                seeds = [_seed_of_listening(audio) for audio in audios]
                found = self._smoothed.recognise_all(_KEY, audios, seeds)
        return [self._tell(one) for one in found]

    def _tell(self, found: Recognised) -> Heard:
        """Tell transcript and accent."""
        accent = None
        if found.posteriors is not None:
            accent = self._speech2text.best_accent(found.posteriors)
        return Heard(found.nbest[0].text if found.nbest else "", accent)


def _seed_of_listening(audio: np.ndarray) -> int:
    """Seed the noise by what is listened to: other audio, other noise.

    Not by the utterance, as decoding from disk does: so an attack that was lucky with
    its own draws is scored with others.
    """
    return seed_of("listening", hashlib.sha256(audio.tobytes()).hexdigest())


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep what ESPnet's search logs of every utterance out of the log."""
    disabled = logging.root.manager.disable
    logging.disable(max(disabled, logging.INFO))
    try:
        yield
    finally:
        logging.disable(disabled)


def _list_branches(
    ctc_weight: float, model: torch.nn.Module, zip_file: Path
) -> tuple[str, ...]:
    """List the branches that the search scores with.

    ESPnet's search leaves out a decoder that the model does not have, but fails without
    its CTC.
    """
    branches = []
    if ctc_weight < 1 and model.decoder is not None:
        branches.append("att")
    if ctc_weight > 0:
        branches.append("ctc")
    if not branches or ("ctc" in branches and model.ctc is None):
        fitting = 1 if model.decoder is None else 0
        raise UserError(
            f"{zip_file}: cannot be decoded with ctc_weight {ctc_weight}: give "
            f"--inference_args '--ctc_weight {fitting}', or an --inference_config that "
            "says so"
        )
    return tuple(branches)
