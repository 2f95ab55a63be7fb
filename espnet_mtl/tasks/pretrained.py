"""Start from the weights of another model: a state dict, or a packed model."""

import logging
import tempfile
from pathlib import Path
from unittest import mock

import espnet_mtl.fast_start  # noqa: F401  (before ESPnet)

import torch
import yaml
from espnet2.torch_utils.load_pretrained_model import load_pretrained_model

from espnet_mtl.errors import UserError
from espnet_mtl.export.packing import CONFIG_KEY, WEIGHTS_KEY
from espnet_mtl.export.unpacking import unpack_model
from espnet_mtl.tasks.weights import read_weights

_FIX = (
    "Train with that model's tokens (its bpe.model and tokens.txt in place of those of "
    "stage 5), or give --ignore_init_mismatch true, which leaves out every layer whose "
    "shape differs"
)


def load_initial_weights(
    model: torch.nn.Module,
    init_param: str,
    ignore_init_mismatch: bool,
    map_location: str = "cpu",
    folder: Path | str | None = None,
) -> None:
    """Fill a new model with weights of another, as ESPnet's ``--init_param`` does.

    Takes packed models as well, and nothing but tensors from either. An accent head
    starts fresh, unless parts are named: the other model's accents may be others, or
    in another order.

    Args:
        model: The model to fill.
        init_param: ``<file>:<source part>:<part to fill>:<parts to leave out>``, all
            but the file optional. The file is a state dict, or a packed model (zip).
        ignore_init_mismatch: Whether to leave out weights that do not fit.
        map_location: Device to load to.
        folder: Where a packed model is unpacked meanwhile.

    Raises:
        UserError: If the file is missing, holds more than tensors, or does not fit.
    """
    file, source, target, excluded = [*init_param.split(":"), "", "", ""][:4]
    if not Path(file).is_file():
        raise UserError(f"--init_param {init_param}: {file} does not exist")
    if not source and not target:
        excluded = ",".join(filter(None, [excluded, "accent_head"]))
    with tempfile.TemporaryDirectory(prefix=".pretrained-", dir=folder) as place:
        weights = file
        if file.endswith(".zip"):
            files = unpack_model(Path(file), Path(place) / "model")
            weights = str(files[WEIGHTS_KEY])
            _compare_tokens(model, file, files[CONFIG_KEY], ignore_init_mismatch)
        state = read_weights(weights, map_location)
        parts = [weights, source, target, *([excluded] if excluded else [])]
        try:
            # ESPnet would let the file run code.
            with mock.patch.object(torch, "load", return_value=state):
                load_pretrained_model(
                    ":".join(parts), model, ignore_init_mismatch, map_location
                )
        except AttributeError as error:
            raise UserError(
                f"--init_param {init_param}: there is no such part: {error}"
            ) from error
        except RuntimeError as error:
            raise UserError(
                f"{file} does not fit the model: {error}. {_FIX}"
            ) from error


def _compare_tokens(
    model: torch.nn.Module, file: str, config: Path, ignore_init_mismatch: bool
) -> None:
    """Layers that count tokens may fit by chance, and mean something else."""
    settings = yaml.safe_load(config.read_text(encoding="utf-8"))
    if settings.get("token_list") == list(model.token_list):
        return
    message = f"{file}: the model has other tokens than this one. {_FIX}"
    if not ignore_init_mismatch:
        raise UserError(message)
    logging.warning(
        "%s has other tokens: its layers that count tokens are left out where their "
        "number differs, and start from weights of other tokens where it is the same",
        file,
    )
