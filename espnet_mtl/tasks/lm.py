"""ESPnet's language model task, with our care for weights."""

import argparse

import espnet_mtl.fast_start  # noqa: F401  (before ESPnet)

from espnet2.lm.espnet_model import ESPnetLanguageModel
from espnet2.tasks.lm import LMTask

from espnet_mtl.tasks.careful import CarefulTask


class StrictLMTask(CarefulTask, LMTask):
    """Language models, also those of a stranger's package."""

    tag_option = "--lm_tag"

    @classmethod
    def build_model(cls, args: argparse.Namespace) -> ESPnetLanguageModel:
        """Build ESPnet's model, with a ``token_list`` as a recogniser has it."""
        model = super().build_model(args)
        model.token_list = list(args.token_list)
        return model
