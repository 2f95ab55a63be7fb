"""ESPnet's language model task, its models loaded as carefully as recognisers."""

import argparse

import espnet_mtl.fast_start  # noqa: F401  (before ESPnet)

from espnet2.lm.espnet_model import ESPnetLanguageModel
from espnet2.tasks.lm import LMTask

from espnet_mtl.tasks.careful import CarefulTask


class StrictLMTask(CarefulTask, LMTask):
    """Language models that may come from a stranger's package."""

    tag_option = "--lm_tag"

    @classmethod
    def build_model(cls, args: argparse.Namespace) -> ESPnetLanguageModel:
        """Build the model that the configuration describes; it knows its tokens.

        Args:
            args: The training configuration.

        Returns:
            ESPnet's model, with a ``token_list`` as recognisers have one.
        """
        model = super().build_model(args)
        model.token_list = list(args.token_list)
        return model
