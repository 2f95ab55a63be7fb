"""The ways to train, by the names that configurations use."""

import contextlib
import dataclasses
from collections.abc import Mapping
from typing import Any

from espnet2.train.class_choices import ClassChoices

from espnet_mtl.asr_mtl.robust.abs_robust import AbsRobust
from espnet_mtl.asr_mtl.robust.losses import Losses
from espnet_mtl.asr_mtl.robust.noise import NoiseTraining
from espnet_mtl.asr_mtl.robust.pgd import PGDTraining
from espnet_mtl.asr_mtl.robust.trades import TradesTraining
from espnet_mtl.errors import UserError

robust_choices = ClassChoices(
    "robust",
    classes=dict(
        pgd=PGDTraining,
        trades=TradesTraining,
        noise=NoiseTraining,
    ),
    type_check=AbsRobust,
    default=None,
    optional=True,
)


def make_robust(name: str, conf: dict[str, Any]) -> AbsRobust:
    """Make a way to train from its name and the settings of a configuration.

    Raises:
        UserError: If a setting is unknown or wrong.
    """
    chosen = robust_choices.get_class(name)
    known = {field.name: field.type for field in dataclasses.fields(chosen)}
    for setting in conf:
        if setting not in known:
            raise UserError(
                f"robust_conf: there is no setting '{setting}' of --robust {name}; "
                f"choose from {', '.join(known)}"
            )
    way: AbsRobust = chosen(
        **{
            name: _as_number(value) if known[name] in (float, Losses) else value
            for name, value in conf.items()
        }
    )
    return way


def _as_number(value: Any) -> Any:
    """Read what YAML takes for a text: it wants a point in 4.0e-3, and a sign."""
    if isinstance(value, Mapping):
        return {name: _as_number(one) for name, one in value.items()}
    if isinstance(value, str):
        with contextlib.suppress(ValueError):
            return float(value)
    return value
