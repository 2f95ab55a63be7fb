"""ESPnet's language model task, its models loaded as carefully as recognisers."""

import argparse
import functools
from pathlib import Path
from unittest import mock

import espnet_mtl.fast_start  # noqa: F401  (before ESPnet)

from espnet2.lm.espnet_model import ESPnetLanguageModel
from espnet2.tasks import abs_task
from espnet2.tasks.lm import LMTask

from espnet_mtl.tasks.pretrained import load_initial_weights
from espnet_mtl.tasks.resuming import check_beginning
from espnet_mtl.tasks.weights import load_model


class StrictLMTask(LMTask):
    """Language models that may come from a stranger's package."""

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

    @classmethod
    def main_worker(cls, args: argparse.Namespace) -> None:
        """Train, in each process; ``--init_param`` takes packed models as well.

        Args:
            args: The training configuration.

        Raises:
            UserError: If initial weights do not fit, or come too late: the experiment
                was begun with others.
        """
        check_beginning(args, "--lm_tag")
        load = functools.partial(load_initial_weights, folder=args.output_dir)
        with mock.patch.object(abs_task, "load_pretrained_model", load):
            super().main_worker(args)

    @classmethod
    def build_model_from_file(
        cls,
        config_file: Path | str | None = None,
        model_file: Path | str | None = None,
        device: str = "cpu",
    ) -> tuple[ESPnetLanguageModel, argparse.Namespace]:
        """Load a language model; see :func:`espnet_mtl.tasks.weights.load_model`."""
        return load_model(cls, config_file, model_file, device)
