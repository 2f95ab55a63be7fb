"""Start from the weights of another model: a state dict, or a packed model."""

import logging
import tempfile
from pathlib import Path

import espnet_mtl.fast_start  # noqa: F401  (before ESPnet)

import torch
import yaml

from espnet_mtl.errors import UserError
from espnet_mtl.package import packing
from espnet_mtl.package.unpacking import unpack_model
from espnet_mtl.tasks.weight_names import fit_names
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
_TOKEN_PARTS = (
    "ctc.",
    "decoder.",
    "joint_network.",
    "encoder.conditioning_layer.",
    "lm.",
)

State = dict[str, torch.Tensor]


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
        map_location: The device.
        folder: Where to unpack a packed model for the time of loading.

    Raises:
        UserError: If the file is missing, holds more than tensors, does not have the
            part, or does not fit.
    """
    file, source, target, excluded = [*init_param.split(":"), "", "", ""][:4]
    if not Path(file).is_file():
        raise UserError(f"--init_param {init_param}: {file} does not exist")
    left_out = [part for part in excluded.split(",") if part]
    weights, tokens = _read(model, file, map_location, folder)
    if not source and not target:
        left_out += ["accent_head", *_lonely_statistics(model, weights, file)]
    chosen = _choose(weights, source, left_out, init_param)
    if tokens is not None and tokens != list(model.token_list):
        _check_token_layers(chosen, len(tokens), file, ignore_init_mismatch)
    state = {k.removeprefix(f"{source}."): v for k, v in chosen.items()}
    try:
        part = model.get_submodule(target)
    except AttributeError as error:
        raise UserError(
            f"--init_param {init_param}: there is no such part: {error}"
        ) from error
    own = part.state_dict()
    state = fit_names(state, own)
    if ignore_init_mismatch:
        state = _take_fitting(state, own)
    try:
        part.load_state_dict({**own, **state})
    except RuntimeError as error:
        # Does any layer have a row for each token only in the new model?
        num_tokens = len(model.token_list)
        tokens_differ = any(
            name in state
            and num_tokens in value.shape
            and num_tokens not in state[name].shape
            for name, value in own.items()
        )
        fix = _OTHER_TOKENS if tokens_differ else _OTHER_LAYERS
        raise UserError(f"{file} does not fit the model: {error}. {fix}") from error


def _read(
    model: torch.nn.Module, file: str, device: str, folder: Path | str | None
) -> tuple[State, list[str] | None]:
    """Read weights, and the tokens of their model where the file has them."""
    if not file.endswith(".zip"):
        return read_weights(file, device), None
    config, weights = packing.CONFIG_KEY, packing.WEIGHTS_KEY
    if hasattr(model, "lm"):
        config, weights = packing.LM_CONFIG_KEY, packing.LM_WEIGHTS_KEY
    with tempfile.TemporaryDirectory(prefix=".pretrained-", dir=folder) as place:
        files = unpack_model(Path(file), Path(place) / "model")
        if weights not in files or config not in files:
            raise UserError(
                f"{file}: the package has no language model ({weights}) to start from"
            )
        settings = yaml.safe_load(files[config].read_text(encoding="utf-8"))
        return read_weights(files[weights], device), settings.get("token_list")


def _lonely_statistics(model: torch.nn.Module, state: State, file: str) -> list[str]:
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


def _choose(state: State, source: str, left_out: list[str], asked: str) -> State:
    """Pick the weights of a part, less what is left out; something has to remain."""
    prefix = f"{source}." if source else ""
    chosen = {k: v for k, v in state.items() if k.startswith(prefix)}
    if not chosen:
        parts = sorted({name.split(".")[0] for name in state})
        raise UserError(
            f"--init_param {asked}: the file has no part '{source}'. It has: "
            f"{', '.join(parts)}"
        )
    kept = {k: v for k, v in chosen.items() if not k.startswith(tuple(left_out))}
    if not kept:
        raise UserError(
            f"--init_param {asked}: nothing is left to take without "
            f"{', '.join(left_out)}. Leave out fewer parts"
        )
    return kept


def _check_token_layers(
    chosen: State, num_tokens: int, file: str, ignore_init_mismatch: bool
) -> None:
    """Refuse layers with a row for each token, which are of other tokens here.

    They may fit by chance, where there are as many.
    """
    if not any(
        name.startswith(_TOKEN_PARTS) and num_tokens in value.shape
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


def _take_fitting(state: State, own: State) -> State:
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
