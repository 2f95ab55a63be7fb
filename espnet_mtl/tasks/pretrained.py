"""Start from the weights of another model: a state dict, or a packed model."""

import argparse
import logging
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import espnet_mtl.fast_start  # noqa: F401  (before ESPnet)

import torch
import yaml
from espnet2.train.class_choices import ClassChoices

from espnet_mtl.errors import UserError
from espnet_mtl.package import packing
from espnet_mtl.package.unpacking import extract_package, read_config, used_files
from espnet_mtl.tasks.other_settings import find_other_settings
from espnet_mtl.tasks.weight_names import fit_names
from espnet_mtl.tasks.weights import read_weights

_LEAVE_OUT = "give --ignore_init_mismatch true, which leaves out layers that do not fit"
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
# Filters of the front end are among the weights, but follow from its settings.
_FILTERS = "frontend.logmel."
_CONFIG_NAME = "config.yaml"

State = dict[str, torch.Tensor]


def load_initial_weights(
    model: torch.nn.Module,
    init_param: str,
    ignore_init_mismatch: bool,
    map_location: str = "cpu",
    folder: Path | str | None = None,
    args: argparse.Namespace | None = None,
    choices: Sequence[ClassChoices] = (),
) -> None:
    """Fill a new model with weights of another, as ESPnet's ``--init_param`` does.

    Takes packed models as well, and reads nothing but tensors from either. Unless parts
    are named, an accent head keeps its own weights (the other model may have other
    accents, or the same in another order), and so do the filters of a front end (which
    follow from its settings) and statistics of features that only one of the models
    has.

    Weights that fit may still mean something else. So the tokens are compared with
    those in the other model's configuration, which is that of the package, or the
    ``config.yaml`` beside a state dict; and a warning tells other features and layers.

    Args:
        model: The model to fill, with a ``token_list``; one with an ``lm`` takes the
            language model of a package.
        init_param: ``<file>:<source part>:<part to fill>:<parts to leave out>``, all
            but the file optional. The file is a state dict, or a packed model (zip).
        ignore_init_mismatch: Whether to leave out weights that do not fit.
        map_location: The device.
        folder: Where to unpack a packed model for the time of loading.
        args: The configuration of the model to fill.
        choices: The classes that it can be made of.

    Raises:
        UserError: If the file is missing, holds more than tensors, does not have the
            part, does not fit, or is of other tokens or accents.
    """
    file, source, target, excluded = [*init_param.split(":"), "", "", ""][:4]
    if not Path(file).is_file():
        raise UserError(f"--init_param {init_param}: {file} does not exist")
    left_out = [part for part in excluded.split(",") if part]
    weights, settings = _read(model, file, map_location, folder)
    if not source and not target:
        left_out += ["accent_head", _FILTERS, *_lonely_statistics(model, weights, file)]
    chosen = _choose(weights, source, left_out, init_param)
    if settings is None or not isinstance(settings.get("token_list"), list):
        logging.warning(
            "%s: there is no %s of a training with it, which would tell its tokens and "
            "features, so they cannot be compared with those of this model. Weights "
            "that fit are taken, even if they were learned for other tokens, or for "
            "the same in another order",
            file,
            _CONFIG_NAME,
        )
    else:
        chosen = _take_tokens(chosen, settings, model, file, ignore_init_mismatch)
        _check_accents(chosen, settings, model, file)
        _tell_other_settings(chosen, settings, args, choices, file)
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
) -> tuple[State, dict[str, Any] | None]:
    """Read weights, and the configuration of their model where there is one."""
    if not file.endswith(".zip"):
        weights = read_weights(file, device)
        return weights, _read_config(Path(file).parent / _CONFIG_NAME)
    config_key, weights_key = packing.CONFIG_KEY, packing.WEIGHTS_KEY
    if hasattr(model, "lm"):
        config_key, weights_key = packing.LM_CONFIG_KEY, packing.LM_WEIGHTS_KEY
    with tempfile.TemporaryDirectory(prefix=".pretrained-", dir=folder) as place:
        # Nothing is built from the package: only tensors are read.
        names = used_files(extract_package(Path(file), Path(place) / "model"))
        if weights_key not in names or config_key not in names:
            raise UserError(
                f"{file}: the package has no language model ({weights_key}) to start "
                "from"
            )
        weights = read_weights(Path(place) / "model" / names[weights_key], device)
        return weights, read_config(Path(file), config_key)


def _read_config(path: Path) -> dict[str, Any] | None:
    """Read the configuration of a training; any other file is none."""
    if not path.is_file():
        return None
    try:
        settings = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError):
        return None
    return settings if isinstance(settings, dict) else None


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


def _take_tokens(
    chosen: State,
    settings: Mapping[str, Any],
    model: torch.nn.Module,
    file: str,
    ignore_init_mismatch: bool,
) -> State:
    """Refuse layers with a row for each token, which are of other tokens here.

    They may fit by chance, where there are as many. With ``ignore_init_mismatch`` they
    are left out.
    """
    tokens, own = settings["token_list"], list(model.token_list)
    if tokens == own:
        return chosen
    of_tokens = {
        name
        for name, value in chosen.items()
        if name.startswith(_TOKEN_PARTS) and len(tokens) in value.shape
    }
    if not of_tokens:
        return chosen
    reordered = sorted(map(str, tokens)) == sorted(own)
    which = "the same tokens in another order" if reordered else "other tokens"
    if not ignore_init_mismatch:
        raise UserError(f"{file}: the model has {which} than this one. {_OTHER_TOKENS}")
    logging.warning(
        "%s has %s: its layers that have a row for each token are left out (%s)",
        file,
        which,
        ", ".join(sorted(of_tokens)),
    )
    return {name: value for name, value in chosen.items() if name not in of_tokens}


def _check_accents(
    chosen: State, settings: Mapping[str, Any], model: torch.nn.Module, file: str
) -> None:
    """Refuse an accent head whose classes are other accents here."""
    accents, own = settings.get("accent_list"), getattr(model, "accent_list", None)
    if not own or not any(name.startswith("accent_head") for name in chosen):
        return
    if isinstance(accents, list) and accents != list(own):
        raise UserError(
            f"{file}: its accent head tells {', '.join(map(str, accents))}; this one "
            f"{', '.join(own)}. Give that list (--accent_list), in the same order, or "
            "do not take the accent head"
        )


def _tell_other_settings(
    chosen: State,
    settings: Mapping[str, Any],
    args: argparse.Namespace | None,
    choices: Sequence[ClassChoices],
    file: str,
) -> None:
    if args is None:
        return
    parts = {name.split(".")[0] for name in chosen}
    others = find_other_settings(choices, vars(args), settings, parts)
    if others:
        logging.warning(
            "%s was trained with other settings, for which its weights were learned: "
            "%s. Use its settings, unless you mean to change them",
            file,
            "; ".join(others),
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
