"""Weights from files: strictly, and nothing but tensors."""

import argparse
import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import espnet_mtl.fast_start  # noqa: F401  (before ESPnet)

import torch
import yaml
from espnet2.tasks.abs_task import AbsTask

from espnet_mtl.errors import UserError


def load_model(
    task: type[AbsTask],
    config_file: Path | str | None,
    model_file: Path | str | None,
    device: str,
) -> tuple[torch.nn.Module, argparse.Namespace]:
    """Load a trained model of a task, strictly and without running code of its files.

    Args:
        task: Builds the model.
        config_file: The YAML saved by training; the ``config.yaml`` beside
            ``model_file`` when not given.
        model_file: The weights; ``None`` leaves the model as initialised.
        device: Where to put the model.

    Returns:
        The model and its configuration.

    Raises:
        UserError: If the weights do not fit the configuration, or hold anything but
            tensors.
    """
    if config_file is None:
        if model_file is None:
            raise UserError("give the model's configuration or its weights")
        config_file = Path(model_file).parent / "config.yaml"
    args = argparse.Namespace(
        **yaml.safe_load(Path(config_file).read_text(encoding="utf-8"))
    )
    with no_unpickling():
        model = task.build_model(args)
    if model_file is not None:
        load_weights(model, model_file)
    return model.to(device), args


@contextlib.contextmanager
def no_unpickling() -> Iterator[None]:
    """Have ``torch.load`` take nothing but tensors meanwhile.

    Some encoders load a checkpoint that their configuration names, and a configuration
    may come from a stranger.
    """
    load = torch.load

    def load_weights_only(*args, **options):
        return load(*args, **{**options, "weights_only": True})

    with mock.patch.object(torch, "load", load_weights_only):
        yield


def load_weights(model: torch.nn.Module, model_file: Path | str) -> None:
    """Load weights, refusing code and any weight that is missing or left over.

    Args:
        model: The model to fill.
        model_file: A state dict saved by ``torch.save``.

    Raises:
        UserError: If the file is no plain state dict or does not fit the model.
    """
    state = read_weights(model_file)
    try:
        model.load_state_dict(state, strict=True)
    except RuntimeError as error:
        raise UserError(
            f"{model_file}: the weights do not fit the configuration: {error}"
        ) from error


def read_weights(model_file: Path | str, device: str = "cpu") -> dict[str, Any]:
    """Read weights, refusing code.

    Args:
        model_file: A state dict saved by ``torch.save``.
        device: Where to put the tensors.

    Returns:
        The state dict.

    Raises:
        UserError: If the file is no plain state dict.
    """
    try:
        state = torch.load(model_file, map_location=device, weights_only=True)
    except Exception as error:  # torch raises many kinds for a bad or hostile file
        raise UserError(
            f"{model_file}: refused: it is damaged, or holds more than weights (a "
            f"pickle can run code when it is loaded). {str(error).splitlines()[0]}"
        ) from error
    if not isinstance(state, dict):
        raise UserError(f"{model_file}: holds no state dict but {type(state).__name__}")
    return state.get("module", state)  # deepspeed's checkpoints are one level deeper
