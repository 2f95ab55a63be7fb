"""Other toolkits' projected gradient descent: oracles of ours, and what it is timed by.

The Adversarial Robustness Toolbox (ART) asks for an estimator, asr-attacks for a
backend; both attack whatever gives them gradients.
"""

import os
import tempfile
from collections.abc import Callable, Sequence
from unittest import mock

import numpy as np
import torch
from asr_attacks.attacks.iterative import pgd as asr_attacks_pgd
from asr_attacks.backends.base import ASRBackend

# ART makes ~/.art when it is imported: let it do so in a folder that goes.
with (
    tempfile.TemporaryDirectory() as _home,
    mock.patch.dict(os.environ, HOME=_home),
):
    from art.attacks.evasion.projected_gradient_descent import (
        projected_gradient_descent_numpy as art_numpy,
    )
    from art.estimators.pytorch import PyTorchEstimator

# (waveforms, texts as token ids) -> gradients of the loss, one a waveform
Gradients = Callable[[list[np.ndarray], list[Sequence[int]]], list[np.ndarray]]


class ArtRecogniser(PyTorchEstimator):
    """A recogniser as ART attacks it: a source of gradients, in [-1, 1]."""

    def __init__(self, gradients: Gradients):
        super().__init__(
            model=None,
            clip_values=(-1.0, 1.0),
            channels_first=None,
            preprocessing=None,
            preprocessing_defences=None,
            postprocessing_defences=None,
            device_type="cpu",
        )
        self.gradients = gradients

    input_shape = None

    def loss_gradient(self, x, y, **kwargs):
        found = self.gradients(list(x), list(y))
        return np.stack(found) if x.dtype != object else boxed(found)

    def predict(self, x, batch_size=128, **kwargs):
        raise NotImplementedError

    get_activations = compute_loss = predict


def boxed(rows: Sequence) -> np.ndarray:
    """Put rows of any lengths into an array of objects, as ART has ragged audio."""
    array = np.empty(len(rows), dtype=object)
    for number, row in enumerate(rows):
        array[number] = row
    return array


def art_attack(
    recogniser: ArtRecogniser, eps: float, eps_step: float, steps: int, **options
) -> art_numpy.ProjectedGradientDescentNumpy:
    """Return ART's targeted PGD, of the class that it takes for speech recognisers."""
    return art_numpy.ProjectedGradientDescentNumpy(
        recogniser,
        eps=eps,
        eps_step=eps_step,
        max_iter=steps,
        targeted=True,
        verbose=False,
        **options,
    )


class Backend(ASRBackend):
    """A recogniser as asr-attacks attacks it; texts are token ids between blanks.

    Args:
        logits: Makes (1, Frames, Tokens) of (1, Samples).
        device: Where.
        blank_id: CTC's blank.
    """

    def __init__(
        self,
        logits: Callable[[torch.Tensor], torch.Tensor],
        device: torch.device | str = "cpu",
        blank_id: int = 0,
    ):
        self._logits = logits
        self.device = torch.device(device)
        self.blank_id = blank_id

    def logits(self, audio):
        return self._logits(audio)

    def encode(self, transcript):
        return torch.tensor([int(t) for t in transcript.split()], device=self.device)

    @torch.no_grad()
    def decode(self, audio):
        best = self.logits(audio)[0].argmax(dim=1).unique_consecutive()
        return " ".join(str(token) for token in best.tolist() if token != self.blank_id)


def asr_attacks_attack(
    backend: Backend, audio: np.ndarray, text: Sequence[int], **options
) -> np.ndarray:
    """Run asr-attacks' targeted PGD on one utterance, (Samples,), from clean audio."""
    return asr_attacks_pgd(
        backend,
        audio,
        targeted=True,
        target=" ".join(map(str, text)),
        random_start=False,
        verbose=False,
        **options,
    )[0]
