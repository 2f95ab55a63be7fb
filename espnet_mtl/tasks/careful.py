"""What our tasks add to ESPnet's: care with weights, and with GPUs."""

import argparse
import datetime
import functools
from pathlib import Path
from typing import Any

import espnet_mtl.fast_start  # noqa: F401  (before ESPnet)

import numpy as np
import torch
import yaml
from espnet2.tasks import abs_task
from espnet2.train import trainer
from espnet2.train.class_choices import ClassChoices

from espnet_mtl.errors import UserError
from espnet_mtl.gpus import require_gpus
from espnet_mtl.tasks.best_epochs import average_nbest_models, reporter_for
from espnet_mtl.tasks.pretrained import load_initial_weights
from espnet_mtl.tasks.statistics import check_frontend, collect_stats_counted
from espnet_mtl.tasks.substitute import substitute
from espnet_mtl.tasks.weight_names import write_old_names
from espnet_mtl.tasks.weights import load_weights, no_unpickling

# What checkpoints of ESPnet up to 202511 say of a training's progress. Newer releases,
# which read only tensors and what is allowed, could not continue it otherwise.
_PROGRESS = [
    datetime.timedelta,
    np.dtype,
    type(np.dtype(np.float64)),
    np.float64(0).__reduce__()[0],  # what makes a NumPy scalar
]


# What the weights of a training have learnt to do: it cannot change in the middle, and
# after the end a changed configuration would say what is not true of them.
_LEARNT = (
    "model",
    "model_conf",
    "accent_weight",
    "accent_head",
    "accent_head_conf",
    "shuffle_accents",
    "robust",
    "robust_conf",
    # What it hears and how: many of these change no shape of a weight.
    "speech_volume_normalize",
    "frontend",
    "frontend_conf",
    "normalize",
    "normalize_conf",
    "preencoder",
    "preencoder_conf",
    "encoder",
    "encoder_conf",
    "postencoder",
    "postencoder_conf",
    "decoder",
    "decoder_conf",
    "token_type",
    "cleaner",
    "lm",
    "lm_conf",
)

# What the outputs of a model mean: as many others would fit its weights, too.
_LISTS = ("token_list", "accent_list")


class CarefulTask:
    """A mixin; stands before a task of ESPnet's among the bases of a class.

    Attributes:
        tag_option: The option of ``asr_mtl.sh`` that names an experiment.
    """

    tag_option: str
    class_choices_list: list[ClassChoices]  # ESPnet's

    @classmethod
    def check_required_command_args(cls, args: argparse.Namespace) -> None:
        """Check the options before any process is started.

        Raises:
            UserError: If there are fewer GPUs than asked for.
        """
        super().check_required_command_args(args)
        require_gpus(f"--ngpu {args.ngpu}", args.ngpu, "use the CPU: --ngpu 0")

    @classmethod
    def main_worker(cls, args: argparse.Namespace) -> None:
        """Train, in each process; ``--init_param`` takes packed models as well.

        Raises:
            UserError: If initial weights do not fit, if a training that only continues
                was begun with others, or to learn something else, or if statistics
                are those of another front-end.
        """
        _check_begun(args, cls.tag_option)
        check_frontend(args)
        # ESPnet saves args.init_param and loads the weights in one go: there is no step
        # of a task in between, where the loading could be ours.
        load = functools.partial(
            load_initial_weights,
            folder=args.output_dir,
            args=args,
            choices=cls.class_choices_list,
        )
        collect = functools.partial(collect_stats_counted, args)
        with (
            substitute(abs_task, load_pretrained_model=load, collect_stats=collect),
            substitute(
                trainer,
                Reporter=reporter_for(args.best_model_criterion),
                average_nbest_models=average_nbest_models,
            ),
            torch.serialization.safe_globals(_PROGRESS),
        ):
            super().main_worker(args)

    @classmethod
    def build_model(cls, args: argparse.Namespace) -> torch.nn.Module:
        """Build a model that saves its weights under names that every release reads."""
        model = super().build_model(args)
        write_old_names(model)
        return model

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

        Raises:
            UserError: If no model can be built from the configuration, if the weights
                do not fit it, or if their file holds anything but tensors.
        """
        if config_file is None:
            if model_file is None:
                raise UserError("give the model's configuration or its weights")
            config_file = Path(model_file).parent / "config.yaml"
        settings = yaml.safe_load(Path(config_file).read_text(encoding="utf-8"))
        args = argparse.Namespace(**settings)
        model = cls._build_carefully(args, config_file)
        if model_file is not None:
            load_weights(model, model_file)
        return model.to(device), args

    @classmethod
    def _build_carefully(
        cls, args: argparse.Namespace, config_file: Path | str
    ) -> torch.nn.Module:
        try:
            with no_unpickling():
                return cls.build_model(args)
        except UserError:
            raise
        except Exception as error:  # ESPnet raises any kind for a wrong argument
            raise UserError(
                f"{config_file}: no model can be built from it: "
                f"{type(error).__name__}: {error}"
            ) from error


def _check_begun(args: argparse.Namespace, tag_option: str) -> None:
    """Refuse other initial weights, or other losses, for a training that continues.

    ESPnet loads the checkpoint over the initial weights, which then have no effect. And
    it writes the configuration anew, also where nothing is left to train: a packed
    model would say that it was trained as it was not.
    """
    if args.collect_stats or not args.resume or args.output_dir is None:
        return
    if (args.dist_rank or 0) != 0:  # the first process may be writing the file now
        return
    exp = Path(args.output_dir)
    config = exp / "config.yaml"
    if not ((exp / "checkpoint.pth").exists() and config.exists()):
        return
    settings = yaml.safe_load(config.read_text(encoding="utf-8")) or {}
    begun = list(settings.get("init_param") or [])
    wanted = list(args.init_param or [])
    if begun != wanted:
        raise UserError(
            f"{exp} was started from {_describe(begun)}, not from {_describe(wanted)}, "
            "and would continue from its checkpoint. Give the same --pretrained_model "
            f"(or --init_param) as at the start, choose another {tag_option}, or "
            f"remove {exp} to start anew"
        )
    now = vars(args)
    if now.get("input_size") is not None:
        # Of features: ESPnet takes the front-end out while it builds the model.
        now = {k: v for k, v in now.items() if not k.startswith("frontend")}
    changed = [
        f"{name}: {settings[name]} -> {now[name]}"
        for name in _LEARNT
        if name in settings
        and name in now
        and _without_place(settings[name]) != _without_place(now[name])
    ]
    changed += [
        f"{name}: other entries"
        for name in _LISTS
        if (before := _entries(settings.get(name))) is not None
        and (after := _entries(now.get(name))) is not None
        and before != after
    ]
    if changed:
        raise UserError(
            f"{exp} was begun with other settings ({'; '.join(changed)}), and would "
            "continue from its checkpoint. Give the same settings as at the start, "
            f"choose another {tag_option}, or remove {exp} to start anew"
        )


def _without_place(value: Any) -> Any:
    """Return a setting without where the statistics of its normalisation lie."""
    if not isinstance(value, dict):
        return value
    return {name: one for name, one in value.items() if name != "stats_file"}


def _entries(entries: list[str] | str | None) -> list[str] | None:
    """Return the entries of a list, or of a file with one a line, if it is there."""
    if isinstance(entries, str):
        if not Path(entries).is_file():
            return None
        entries = Path(entries).read_text(encoding="utf-8").split("\n")
    return entries and [entry.strip() for entry in entries if entry.strip()]


def _describe(init_param: list[str]) -> str:
    return " ".join(init_param) if init_param else "random weights"
