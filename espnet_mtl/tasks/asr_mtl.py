"""The task: ESPnet's ASR task with an accent branch."""

import argparse
import logging
from pathlib import Path

import espnet_mtl.fast_start  # noqa: F401  (before ESPnet)

from espnet2.asr.espnet_model import ESPnetASRModel
from espnet2.tasks.asr import ASRTask
from espnet2.train.class_choices import ClassChoices
from espnet2.train.collate_fn import CommonCollateFn
from espnet2.train.trainer import Trainer
from espnet2.utils.types import str2bool, str_or_none

from espnet_mtl.asr_mtl.accent_head.abs_accent_head import AbsAccentHead
from espnet_mtl.asr_mtl.accent_head.attentive_pooling import AttentivePoolingHead
from espnet_mtl.asr_mtl.accent_head.statistics_pooling import StatisticsPoolingHead
from espnet_mtl.asr_mtl.espnet_model import ESPnetASRMTLModel
from espnet_mtl.asr_mtl.robust.choices import make_robust, robust_choices
from espnet_mtl.asr_mtl.robust.trainer import RobustTrainer
from espnet_mtl.errors import UserError
from espnet_mtl.tasks.careful import CarefulTask
from espnet_mtl.train.preprocessor import AccentPreprocessor
from espnet_mtl.train.shuffled_accents import read_shuffled_accents

accent_head_choices = ClassChoices(
    "accent_head",
    classes=dict(
        stats_pooling=StatisticsPoolingHead,
        attentive_pooling=AttentivePoolingHead,
    ),
    type_check=AbsAccentHead,
    default="stats_pooling",
)


class ASRMTLTask(CarefulTask, ASRTask):
    """ASR training with an accent branch.

    All of ESPnet's ASR task stays as it is. The accent settings are top-level keys of
    the configuration, which stock ESPnet ignores when it loads an exported model. With
    ``accent_weight: 0`` the task builds a plain ``ESPnetASRModel``.
    """

    tag_option = "--asr_tag"
    class_choices_list = [
        *ASRTask.class_choices_list,
        accent_head_choices,
        robust_choices,
    ]

    @classmethod
    def add_task_arguments(cls, parser: argparse.ArgumentParser) -> None:
        """Add ESPnet's ASR options and those of the accent branch."""
        super().add_task_arguments(parser)
        parser.description = (
            "Train a recogniser with an accent branch: ESPnet's asr_train, and options "
            "of the branch. What matters most: --config, "
            "--train_data_path_and_name_and_type, --output_dir."
        )
        group = parser.add_argument_group(description="Accent branch related")
        group.add_argument(
            "--accent_list",
            type=str_or_none,
            default=None,
            help="A text file with one accent label a line; its order numbers the "
            "classes. Stored in the saved configuration.",
        )
        group.add_argument(
            "--accent_weight",
            type=float,
            default=0.0,
            help="Share of the accent loss: loss = (1 - accent_weight) * loss_asr + "
            "accent_weight * loss_accent. 0 builds no accent branch.",
        )
        group.add_argument(
            "--shuffle_accents",
            type=str2bool,
            default=False,
            help="Permute the accents among the utterances of the training set: a "
            "control, whose accent branch has the same work and nothing to learn.",
        )

    @classmethod
    def check_required_command_args(cls, args: argparse.Namespace) -> None:
        """Check the options before any process is started.

        Raises:
            UserError: If the settings of a robust training are wrong, or do not go with
                other options, or if accents are to be shuffled that the model does not
                learn.
        """
        super().check_required_command_args(args)
        check_robust(args)
        if args.shuffle_accents and not has_accent_branch(args):
            raise UserError(
                "--shuffle_accents true: without an accent branch there are no accents "
                "to shuffle: add --accent_weight, above 0"
            )

    @classmethod
    def main_worker(cls, args: argparse.Namespace) -> None:
        """Train, in each process, as ``robust`` says."""
        # ESPnet chooses its trainer for deepspeed in the same way.
        cls.trainer = (
            Trainer if getattr(args, "robust", None) is None else RobustTrainer
        )
        super().main_worker(args)

    @classmethod
    def optional_data_names(
        cls, train: bool = True, inference: bool = False
    ) -> tuple[str, ...]:
        """ESPnet's optional data names, and ``accent``."""
        return (*super().optional_data_names(train, inference), "accent")

    @classmethod
    def build_collate_fn(cls, args: argparse.Namespace, train: bool):
        """Collate as ESPnet does; ``accent`` is one number, no sequence."""
        return CommonCollateFn(
            float_pad_value=0.0, int_pad_value=-1, not_sequence=["accent"]
        )

    @classmethod
    def build_preprocess_fn(cls, args: argparse.Namespace, train: bool):
        """ESPnet's preprocessor, followed by the accent label."""
        preprocessor = super().build_preprocess_fn(args, train)
        if not has_accent_branch(args):
            return AccentPreprocessor(preprocessor, [])
        shuffles = train and getattr(args, "shuffle_accents", False)
        labels = read_shuffled_accents(args) if shuffles else None
        accents = read_accent_list(args.accent_list)
        return AccentPreprocessor(preprocessor, accents, labels)

    @classmethod
    def build_model(cls, args: argparse.Namespace) -> ESPnetASRModel:
        """Build the model that the configuration describes.

        In ``args``, the labels take the place of the file in ``accent_list``, so that
        the saved configuration needs no file.

        Returns:
            An ``ESPnetASRMTLModel``, or a plain ``ESPnetASRModel`` when
            ``accent_weight`` is 0 or the configuration knows no accents.

        Raises:
            UserError: If the accent settings do not fit together.
        """
        if not has_accent_branch(args):
            return super().build_model(args)
        args.accent_list = read_accent_list(args.accent_list)
        head_conf = dict(getattr(args, "accent_head_conf", None) or {})

        recogniser = super().build_model(args)
        if type(recogniser) is not ESPnetASRModel:
            raise UserError(
                f"'model: {args.model}' has no accent branch: use 'model: espnet', or "
                "set accent_weight to 0"
            )
        encoder = recogniser.postencoder or recogniser.encoder
        head = accent_head_choices.get_class(args.accent_head)(
            input_size=encoder.output_size(),
            num_accents=len(args.accent_list),
            **head_conf,
        )
        return ESPnetASRMTLModel(recogniser, args.accent_list, args.accent_weight, head)


def has_accent_branch(args: argparse.Namespace) -> bool:
    """Tell whether a configuration, ours or ESPnet's, asks for an accent branch."""
    return getattr(args, "accent_weight", 0.0) != 0.0


def check_robust(args: argparse.Namespace) -> None:
    """Check the settings of a training that makes a recogniser resist.

    Raises:
        UserError: If they are wrong, or do not go with other options.
    """
    if args.robust is None:
        if args.robust_conf and not args.collect_stats:
            logging.warning("robust_conf has no effect without robust")
        return
    make_robust(args.robust, args.robust_conf).check_validation()
    if args.collect_stats:
        raise UserError(
            f"--robust {args.robust} changes audio in training, and statistics are of "
            "the data as they are: add --robust none to --collect_stats true"
        )
    if args.use_deepspeed:
        raise UserError(
            f"--robust {args.robust} has a trainer of its own, which does not go with "
            "--use_deepspeed true: leave one of them out"
        )


def read_accent_list(accent_list: str | list[str] | None) -> list[str]:
    """Return accent labels in order.

    Args:
        accent_list: A file with one label a line, or the labels themselves.

    Raises:
        UserError: If there is no list, or if it has fewer than two labels or the same
            label twice.
    """
    if accent_list is None:
        raise UserError(
            "accent_weight is not 0, but there is no accent list: stage 5 writes one "
            "where the training set has two accents or more. Label them (utt2accent), "
            "give --accent_list FILE, or train without the branch: --accent_weight 0 "
            '(of asr_mtl.sh: --asr_args "--accent_weight 0")'
        )
    if isinstance(accent_list, str):
        path = Path(accent_list)
        if not path.is_file():
            raise UserError(f"{path}: no such accent list; stage 5 writes one")
        labels = path.read_text(encoding="utf-8-sig").split("\n")
        labels = [label.strip() for label in labels if label.strip()]
        place = f"{path}: "
    else:
        labels, place = list(accent_list), "accent_list: "
    if len(labels) < 2 or len(set(labels)) < len(labels):
        raise UserError(
            f"{place}an accent list needs at least two different labels, one a line; "
            f"this one has {labels}"
        )
    return labels
