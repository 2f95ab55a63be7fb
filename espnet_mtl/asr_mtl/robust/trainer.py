"""ESPnet's trainer, for a training that makes a recogniser resist."""

import argparse
import dataclasses
from typing import Any

import torch
from espnet2.train.abs_espnet_model import AbsESPnetModel
from espnet2.train.distributed_utils import DistributedOption
from espnet2.train.reporter import SubReporter
from espnet2.train.trainer import Trainer, TrainerOptions
from espnet2.utils.build_dataclass import build_dataclass

from espnet_mtl.asr_mtl.robust.choices import make_robust
from espnet_mtl.asr_mtl.robust.model import RobustModel
from espnet_mtl.errors import UserError


@dataclasses.dataclass
class RobustTrainerOptions(TrainerOptions):
    """ESPnet's options, and how to train."""

    robust: str
    robust_conf: dict[str, Any]


class RobustTrainer(Trainer):
    """Trains as ESPnet does, on a :class:`RobustModel` around the recogniser.

    It counts batches as ESPnet's log does, which a training that was interrupted reads
    from its checkpoint, so that what is drawn is the same as without the interruption.
    """

    @classmethod
    def build_options(cls, args: argparse.Namespace) -> RobustTrainerOptions:
        """Return the options of a training."""
        options: RobustTrainerOptions = build_dataclass(RobustTrainerOptions, args)
        return options

    @classmethod
    def run(
        cls,
        model: AbsESPnetModel,
        trainer_options: RobustTrainerOptions,
        distributed_option: DistributedOption,
        **others: Any,
    ) -> None:
        """Train.

        Raises:
            UserError: If the model cannot be trained so, or if one process is to use
                several GPUs, which would mix up the utterances' ids.
        """
        if distributed_option.ngpu > 1 and not distributed_option.distributed:
            raise UserError(
                f"--robust {trainer_options.robust} --ngpu {distributed_option.ngpu} "
                "needs a process for each GPU: add --multiprocessing_distributed true"
            )
        super().run(
            model=RobustModel(
                model,
                make_robust(trainer_options.robust, trainer_options.robust_conf),
                seed=trainer_options.seed,
                accum_grad=trainer_options.accum_grad,
            ),
            trainer_options=trainer_options,
            distributed_option=distributed_option,
            **others,
        )

    @classmethod
    def train_one_epoch(
        cls, model: torch.nn.Module, reporter: SubReporter, **others: Any
    ) -> bool:
        """Train for an epoch."""
        _unwrap(model).start_epoch(reporter.get_total_count())
        invalid: bool = super().train_one_epoch(
            model=model, reporter=reporter, **others
        )
        return invalid

    @classmethod
    def validate_one_epoch(
        cls, model: torch.nn.Module, reporter: SubReporter, **others: Any
    ) -> None:
        """Validate after an epoch."""
        robust_model = _unwrap(model)
        robust_model.start_epoch(0)
        super().validate_one_epoch(model=model, reporter=reporter, **others)
        robust_model.validation.finish(reporter.get_epoch())

    @classmethod
    def plot_attention(cls, model: torch.nn.Module, **others: Any) -> None:
        """Plot the attention of the recogniser itself, on clean audio."""
        super().plot_attention(model=_unwrap(model).model, **others)


def _unwrap(model: torch.nn.Module) -> RobustModel:
    """Take a model out of what distributes it."""
    inner = getattr(model, "module", model)
    if not isinstance(inner, RobustModel):
        raise TypeError(f"{type(inner).__name__} is no RobustModel")
    return inner
