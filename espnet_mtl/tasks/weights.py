"""Weights from files, which may come from a stranger: nothing but tensors is read."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import espnet_mtl.fast_start  # noqa: F401  (before ESPnet)

import torch

from espnet_mtl.errors import UserError
from espnet_mtl.tasks.substitute import substitute
from espnet_mtl.tasks.weight_names import fit_names


@contextlib.contextmanager
def no_unpickling() -> Iterator[None]:
    """Have ``torch.load`` read nothing but tensors for the time of a ``with`` block.

    Some encoders load a checkpoint that the model's configuration names, and ask for
    code to be unpickled. A configuration may come from a stranger.
    """
    load = torch.load

    def load_tensors(*args, **options):
        return load(*args, **{**options, "weights_only": True})

    with substitute(torch, load=load_tensors):
        yield


def load_weights(model: torch.nn.Module, model_file: Path | str) -> None:
    """Load all weights of a model from a state dict.

    Raises:
        UserError: If the file is refused, or if a weight is missing or left over.
    """
    state = fit_names(read_weights(model_file), model.state_dict())
    try:
        model.load_state_dict(state, strict=True)
    except RuntimeError as error:
        raise UserError(
            f"{model_file}: the weights do not fit the configuration: {error}"
        ) from error


def read_weights(model_file: Path | str, device: str = "cpu") -> dict[str, Any]:
    """Read a state dict without running code.

    Raises:
        UserError: If the file holds anything else, or is damaged.
    """
    try:
        state = torch.load(model_file, map_location=device, weights_only=True)
    except Exception as error:  # torch raises many kinds for a bad or hostile file
        first, *_ = str(error).split("\n")
        raise UserError(
            f"{model_file}: refused: it is damaged, or holds more than weights (a "
            f"pickle can run code when it is loaded). {first}"
        ) from error
    if not isinstance(state, dict):
        raise UserError(
            f"{model_file}: expected a state dict, found a {type(state).__name__}"
        )
    return state.get("module", state)  # deepspeed's checkpoints are one level deeper
