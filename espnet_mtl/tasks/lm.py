"""ESPnet's language model task, its models loaded as carefully as recognisers."""

import argparse
from pathlib import Path

import espnet_mtl.fast_start  # noqa: F401  (before ESPnet)

from espnet2.lm.espnet_model import ESPnetLanguageModel
from espnet2.tasks.lm import LMTask

from espnet_mtl.tasks.weights import load_model


class StrictLMTask(LMTask):
    """Language models that may come from a stranger's package."""

    @classmethod
    def build_model_from_file(
        cls,
        config_file: Path | str | None = None,
        model_file: Path | str | None = None,
        device: str = "cpu",
    ) -> tuple[ESPnetLanguageModel, argparse.Namespace]:
        """Load a language model; see :func:`espnet_mtl.tasks.weights.load_model`."""
        return load_model(cls, config_file, model_file, device)
