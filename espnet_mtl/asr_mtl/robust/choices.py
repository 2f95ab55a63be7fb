"""The ways to train, by the names that configurations use."""

import dataclasses
from typing import Any

from espnet2.train.class_choices import ClassChoices

from espnet_mtl.asr_mtl.robust.abs_robust import AbsRobust
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
    known = [field.name for field in dataclasses.fields(chosen)]
    for setting in conf:
        if setting not in known:
            raise UserError(
                f"robust_conf: there is no setting '{setting}' of --robust {name}; "
                f"choose from {', '.join(known)}"
            )
    way: AbsRobust = chosen(**conf)
    return way
