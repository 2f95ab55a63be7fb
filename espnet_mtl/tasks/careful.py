"""What our tasks add to ESPnet's: care with the weights that they are given."""

import argparse
import functools
from pathlib import Path
from unittest import mock

import espnet_mtl.fast_start  # noqa: F401  (before ESPnet)

import torch
from espnet2.tasks import abs_task

from espnet_mtl.tasks.pretrained import load_initial_weights
from espnet_mtl.tasks.resuming import check_beginning
from espnet_mtl.tasks.weights import load_model


class CarefulTask:
    """Goes before a task of ESPnet's among the bases of a class.

    Attributes:
        tag_option: The recipe's option that gives an experiment another name.
    """

    tag_option: str

    @classmethod
    def main_worker(cls, args: argparse.Namespace) -> None:
        """Train, in each process; ``--init_param`` takes packed models as well.

        Args:
            args: The training configuration.

        Raises:
            UserError: If initial weights do not fit, or come too late: the experiment
                was begun with others.
        """
        check_beginning(args, cls.tag_option)
        load = functools.partial(load_initial_weights, folder=args.output_dir)
        with mock.patch.object(abs_task, "load_pretrained_model", load):
            super().main_worker(args)

    @classmethod
    def build_model_from_file(
        cls,
        config_file: Path | str | None = None,
        model_file: Path | str | None = None,
        device: str = "cpu",
    ) -> tuple[torch.nn.Module, argparse.Namespace]:
        """Load a trained model, strictly and without running code from its files.

        Args:
            config_file: The YAML saved by training; the ``config.yaml`` beside
                ``model_file`` when not given.
            model_file: The weights; ``None`` leaves the model as initialised.
            device: Where to put the model.

        Returns:
            The model and its configuration.

        Raises:
            UserError: If the weights do not fit the configuration, or hold anything
                but tensors.
        """
        return load_model(cls, config_file, model_file, device)
