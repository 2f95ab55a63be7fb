"""Which losses of a model an attack inside the training step follows."""

import contextlib
from collections.abc import Mapping
from typing import Any

import torch

from espnet_mtl.asr_mtl.robust.abs_robust import is_number
from espnet_mtl.asr_mtl.robust.inside import temporarily
from espnet_mtl.errors import UserError

BRANCHES = ("ctc", "att", "accent")
RECOGNISER, ALL = "recogniser", "all"

# Weights by branch, or a word for the model's own
Losses = str | Mapping[str, float]


def check_losses(losses: Any) -> None:
    """Refuse losses that no model has.

    Raises:
        UserError: If they are neither a known word nor weights above 0 of branches.
    """
    if losses in (RECOGNISER, ALL):
        return
    known = (
        f"'{RECOGNISER}' (the recogniser's own training loss), '{ALL}' (with the "
        f"accent loss), or weights above 0 of {', '.join(BRANCHES)}, such as "
        "{ctc: 1, att: 1}"
    )
    if not isinstance(losses, Mapping) or not losses:
        raise UserError(f"robust_conf: losses: {losses} is not known; choose {known}")
    for name, weight in losses.items():
        if name not in BRANCHES:
            raise UserError(
                f"robust_conf: losses: there is no loss '{name}'; choose {known}"
            )
        if not is_number(weight) or not 0.0 < weight < float("inf"):
            raise UserError(
                f"robust_conf: losses: {name}: {weight} is no weight above 0. Leave "
                "out what is not to be attacked"
            )


def check_branches(losses: Losses, model: torch.nn.Module) -> None:
    """Refuse losses that this model does not have.

    Raises:
        UserError: If a branch is missing.
    """
    if not isinstance(losses, Mapping):
        return
    has_attention = getattr(model, "decoder", None) is not None and not (
        getattr(model, "use_transducer_decoder", False)
        or getattr(model, "use_linear_decoder", False)
    )
    has = {
        "ctc": model.ctc is not None,
        "att": has_attention,
        "accent": hasattr(model, "accent_head"),
    }
    fix = {
        "ctc": "model_conf: ctc_weight above 0",
        "att": "model_conf: ctc_weight below 1, and an attention decoder",
        "accent": "accent_weight above 0",
    }
    for name in losses:
        if not has[name]:
            raise UserError(
                f"robust_conf: losses: {name}: the model has no such branch. It needs "
                f"{fix[name]}; or leave the loss out"
            )
    if not has["att"] and model.decoder is not None:
        raise UserError(
            "robust_conf: losses: with this decoder, only the loss of training can be "
            f"attacked: '{RECOGNISER}'"
        )


def attacked(
    model: torch.nn.Module, losses: Losses
) -> contextlib.AbstractContextManager[None]:
    """Have a model's loss be what an attack follows, for the time of a ``with`` block.

    The steps of an attack do not depend on the scale of its loss. So any weights of
    branches are the model's own loss under other weights. Where CTC or attention has no
    weight, it costs nothing; the accent branch is always calculated.
    """
    if losses == ALL:
        return contextlib.nullcontext()
    values = {}
    if hasattr(model, "accent_head"):
        values["accent_weight"] = 0.0
    if isinstance(losses, Mapping):
        text = losses.get("ctc", 0.0) + losses.get("att", 0.0)
        if text:
            values["ctc_weight"] = losses.get("ctc", 0.0) / text
        if "accent" in losses:
            values["accent_weight"] = losses["accent"] / (text + losses["accent"])
    return temporarily(model, **values)
