"""A training that continues has begun with what is asked for now."""

import argparse
from pathlib import Path

import yaml

from espnet_mtl.errors import UserError


def check_beginning(args: argparse.Namespace, tag_option: str) -> None:
    """Refuse other weights to start from where a training only continues.

    ESPnet loads the checkpoint after the initial weights, which are then without
    effect. Call this before ESPnet writes the configuration anew.

    Args:
        args: The training configuration.
        tag_option: Option of ``asr_mtl.sh`` that names an experiment.

    Raises:
        UserError: If the experiment was begun with other ``init_param``.
    """
    if args.collect_stats or not args.resume or args.output_dir is None:
        return
    exp = Path(args.output_dir)
    config = exp / "config.yaml"
    if not ((exp / "checkpoint.pth").exists() and config.exists()):
        return
    if (args.dist_rank or 0) != 0:  # the first process writes the file meanwhile
        return
    settings = yaml.safe_load(config.read_text(encoding="utf-8")) or {}
    begun = list(settings.get("init_param") or [])
    wanted = list(args.init_param or [])
    if begun != wanted:
        raise UserError(
            f"{exp} was begun with {_weights(begun)}, not with {_weights(wanted)}, and "
            "its training would go on from its checkpoint: give what it was begun with "
            f"(--pretrained_model or --init_param), another {tag_option}, or remove "
            f"{exp} to begin anew"
        )


def _weights(init_param: list[str]) -> str:
    return f"weights of {' '.join(init_param)}" if init_param else "weights of its own"
