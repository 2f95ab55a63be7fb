"""Start from the weights of another model: a state dict, or a packed model."""

import logging
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import espnet_mtl.fast_start  # noqa: F401  (before ESPnet)

import torch
import yaml

from espnet_mtl.errors import UserError
from espnet_mtl.package.packing import (
    CONFIG_KEY,
    LM_CONFIG_KEY,
    LM_WEIGHTS_KEY,
    WEIGHTS_KEY,
)
from espnet_mtl.package.unpacking import unpack_model
from espnet_mtl.tasks.weights import read_weights

_LEAVE_OUT = (
    "give --ignore_init_mismatch true, which leaves out every layer whose shape differs"
)
_OTHER_TOKENS = (
    "Train with that model's tokens (its bpe.model and tokens.txt in place of those of "
    f"stage 5), or {_LEAVE_OUT}"
)
_OTHER_LAYERS = (
    "Train with the settings that its config.yaml has for these layers, name the parts "
    f"to take (FILE:encoder:encoder), or {_LEAVE_OUT}"
)
# Parts of a recogniser and of a language model with a layer that has a row a token.
_TOKEN_PARTS = ("ctc", "decoder", "joint_network", "encoder.conditioning_layer", "lm")


class _Weights(NamedTuple):
    """Weights by name, and the tokens of their model; ``None`` if the file has none."""

    state: dict[str, torch.Tensor]
    tokens: list[str] | None = None


def load_initial_weights(
    model: torch.nn.Module,
    init_param: str,
    ignore_init_mismatch: bool,
    map_location: str = "cpu",
    folder: Path | str | None = None,
) -> None:
    """Fill a new model with weights of another, as ESPnet's ``--init_param`` does.

    Takes packed models as well, and reads nothing but tensors from either. Unless parts
    are named, an accent head keeps its own weights (the other model may have other
    accents, or the same in another order), and so do statistics of features that only
    one of the models has.

    Args:
        model: The model to fill, with a ``token_list``; one with an ``lm`` takes the
            language model of a package.
        init_param: ``<file>:<source part>:<part to fill>:<parts to leave out>``, all
            but the file optional. The file is a state dict, or a packed model (zip).
        ignore_init_mismatch: Whether to leave out weights that do not fit.
        map_location: Device to load to.
        folder: Where to unpack a packed model for the time of loading.

    Raises:
        UserError: If the file is missing, holds more than tensors, does not have the
            part, or does not fit.
    """
    file, source, target, excluded = [*init_param.split(":"), "", "", ""][:4]
    if not Path(file).is_file():
        raise UserError(f"--init_param {init_param}: {file} does not exist")
    left_out = [part for part in excluded.split(",") if part]
    weights = _read(model, file, map_location, folder)
    if not source and not target:
        left_out += ["accent_head", *_lonely_statistics(model, weights.state, file)]
    chosen = _choose(weights.state, source, left_out, init_param)
    _compare_tokens(model, weights.tokens, chosen, file, ignore_init_mismatch)
    state = {name[len(source) + 1 if source else 0 :]: chosen[name] for name in chosen}
    try:
        part = model.get_submodule(target)
    except AttributeError as error:
        raise UserError(
            f"--init_param {init_param}: there is no such part: {error}"
        ) from error
    own = part.state_dict()
    if ignore_init_mismatch:
        state = _take_fitting(state, own)
    try:
        part.load_state_dict({**own, **state})
    except RuntimeError as error:
        tokens_differ = _count_otherwise(len(model.token_list), own, state)
        fix = _OTHER_TOKENS if tokens_differ else _OTHER_LAYERS
        raise UserError(f"{file} does not fit the model: {error}. {fix}") from error


def _read(
    model: torch.nn.Module, file: str, device: str, folder: Path | str | None
) -> _Weights:
    if not file.endswith(".zip"):
        return _Weights(read_weights(file, device))
    config, weights = CONFIG_KEY, WEIGHTS_KEY
    if hasattr(model, "lm"):
        config, weights = LM_CONFIG_KEY, LM_WEIGHTS_KEY
    with tempfile.TemporaryDirectory(prefix=".pretrained-", dir=folder) as place:
        files = unpack_model(Path(file), Path(place) / "model")
        if weights not in files or config not in files:
            raise UserError(
                f"{file}: the package has no language model ({weights}) to start from"
            )
        settings = yaml.safe_load(files[config].read_text(encoding="utf-8"))
        return _Weights(
            read_weights(files[weights], device), settings.get("token_list")
        )


def _lonely_statistics(
    model: torch.nn.Module, state: Mapping[str, Any], file: str
) -> list[str]:
    """Name what to leave out where only one model has statistics of features.

    They (global_mvn) belong to a setting of the model, and are not learned.
    """
    has_some = any(name.startswith("normalize.") for name in model.state_dict())
    gives_some = any(name.startswith("normalize.") for name in state)
    if gives_some and not has_some:
        logging.info(
            "%s: its statistics of features (normalize) are left out: this model has "
            "no use for them",
            file,
        )
        return ["normalize."]
    if has_some and not gives_some:
        logging.info(
            "%s has no statistics of features (normalize): this model's own stay", file
        )
    return []


def _choose(
    state: Mapping[str, torch.Tensor], source: str, left_out: list[str], asked: str
) -> dict[str, torch.Tensor]:
    """Pick the weights of a part, less what is left out; something has to remain."""
    chosen = {
        name: value
        for name, value in state.items()
        if not source or name.startswith(f"{source}.")
    }
    if not chosen:
        parts = sorted({name.split(".")[0] for name in state})
        raise UserError(
            f"--init_param {asked}: the file has no part '{source}'. It has: "
            f"{', '.join(parts)}"
        )
    kept = {
        name: value
        for name, value in chosen.items()
        if not name.startswith(tuple(left_out))
    }
    if not kept:
        raise UserError(
            f"--init_param {asked}: nothing is left to take without "
            f"{', '.join(left_out)}. Leave out fewer parts"
        )
    return kept


def _compare_tokens(
    model: torch.nn.Module,
    tokens: list[str] | None,
    chosen: Mapping[str, torch.Tensor],
    file: str,
    ignore_init_mismatch: bool,
) -> None:
    """Refuse layers with a row for each token if those are of other tokens.

    They may fit by chance, where there are as many.
    """
    if tokens is None or tokens == list(model.token_list):
        return
    if not any(
        name.startswith(tuple(f"{part}." for part in _TOKEN_PARTS))
        and len(tokens) in value.shape
        for name, value in chosen.items()
    ):
        return
    if not ignore_init_mismatch:
        raise UserError(
            f"{file}: the model has other tokens than this one. {_OTHER_TOKENS}"
        )
    logging.warning(
        "%s has other tokens: its layers that have a row for each token are left out "
        "if the number of tokens differs; if not, they start from weights that were "
        "learned for other tokens",
        file,
    )


def _take_fitting(
    state: Mapping[str, torch.Tensor], own: Mapping[str, torch.Tensor]
) -> dict[str, torch.Tensor]:
    """Pick the weights that a part has under the same name and with the same shape."""
    fitting = {}
    for name, value in state.items():
        if name not in own:
            logging.warning("%s is left out: this model has no such weights", name)
        elif own[name].shape != value.shape:
            logging.warning(
                "%s is left out: its shape is %s, and in this model %s",
                name,
                tuple(value.shape),
                tuple(own[name].shape),
            )
        else:
            fitting[name] = value
    return fitting


def _count_otherwise(
    num_tokens: int,
    wanted: Mapping[str, torch.Tensor],
    state: Mapping[str, torch.Tensor],
) -> bool:
    """Tell whether any weights have a row for each token only in the new model."""
    return any(
        name in state
        and num_tokens in value.shape
        and num_tokens not in state[name].shape
        for name, value in wanted.items()
    )
