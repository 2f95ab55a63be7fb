"""What every way to train a model that resists has in common."""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import torch

from espnet_mtl.asr_mtl.robust.batches import Batch, Moment, Result
from espnet_mtl.asr_mtl.robust.sizes import largest_ball, shrink
from espnet_mtl.attack.balls import NORMS, Ball
from espnet_mtl.errors import UserError


@dataclass(frozen=True)
class AbsRobust(ABC):
    """A way to train; called with a model and a batch, it returns the training loss.

    Attributes:
        radius: How large a perturbation is at most: a radius of full scale 1, or for
            ``snr`` the least ratio in dB. It has to be given.
        norm: ``linf``, ``l2`` or ``snr``; see ``espnet_mtl.attack.balls``.
        radius_draw: ``uniform`` draws the radius of each utterance anew in each step,
            from 0 to the largest; ``fixed`` takes the largest.
        ramp_updates: Updates in which the largest radius grows from 0.
        clean_share: Share of utterances that stay clean, drawn anew in each step. A
            batch's loss is then, on average, this share of the loss on clean audio and
            the rest of that on changed audio.
        valid_share: Share of validation batches that are attacked, too. The first one
            always is, unless the share is 0.
        valid_steps: Steps of that attack.
    """

    radius: float = 0.0
    norm: str = "linf"
    radius_draw: str = "uniform"
    ramp_updates: int = 400
    clean_share: float = 0.0
    valid_share: float = 0.25
    valid_steps: int = 5

    def __post_init__(self) -> None:
        self.choose("norm", NORMS)
        self._check_radius()
        self.choose("radius_draw", ("uniform", "fixed"))
        self.check_number("ramp_updates", 0, whole=True)
        self.check_number("clean_share", 0.0, 1.0)
        self.check_number("valid_share", 0.0, 1.0)
        self.check_number("valid_steps", 1, whole=True)

    @abstractmethod
    def __call__(self, model: torch.nn.Module, batch: Batch, moment: Moment) -> Result:
        """Calculate the loss that a training step lowers.

        Args:
            model: The recogniser, in the mode that it trains in.
            batch: Its batch.
            moment: When it is trained on.

        Returns:
            What the model itself returns: loss, statistics and number of utterances.
        """

    def check_model(self, model: torch.nn.Module) -> None:  # noqa: B027
        """Check that this model can be trained so; most can.

        Raises:
            UserError: If it cannot.
        """

    def check_validation(self) -> None:  # noqa: B027
        """Check that validation would see where this goes wrong.

        Raises:
            UserError: If it would not.
        """

    def ball(self, batch: Batch, moment: Moment) -> Ball:
        """Return what may change in each utterance in this training step."""
        return shrink(
            largest_ball(self.norm, self.radius, batch),
            batch,
            moment,
            self.radius_draw,
            self.ramp_updates,
            self.clean_share,
        )

    def choose(self, name: str, known: tuple[Any, ...]) -> None:
        """Check a setting that is one of some values.

        Raises:
            UserError: If it is another.
        """
        if (value := getattr(self, name)) not in known:
            raise UserError(
                f"robust_conf: {name}: {value} is not known; choose from "
                f"{', '.join(map(str, known))}"
            )

    def check_number(
        self,
        name: str,
        least: float,
        most: float = math.inf,
        whole: bool = False,
    ) -> None:
        """Check a setting that is a number.

        Raises:
            UserError: If it is none, or out of range.
        """
        value = getattr(self, name)
        kind = "a whole number" if whole else "a number"
        if not is_number(value) or (whole and not isinstance(value, int)):
            raise UserError(f"robust_conf: {name}: {value!r} is not {kind}")
        if not least <= value <= most or math.isinf(value):
            allowed = (
                f"from {least} to {most}" if most < math.inf else f"{least} or more"
            )
            raise UserError(f"robust_conf: {name}: {value} has to be {allowed}")

    def _check_radius(self) -> None:
        typical = {
            "linf": "of full scale 1, such as 0.004",
            "l2": "of full scale 1, such as 0.5",
            "snr": "in dB, such as 30",
        }[self.norm]
        place = f"robust_conf: radius: {self.radius}"
        if not is_number(self.radius) or not math.isfinite(self.radius):
            raise UserError(f"{place} is not a number")
        if self.radius == 0.0:
            raise UserError(
                f"robust_conf: norm: {self.norm} needs a radius above 0, {typical}: "
                "--robust_conf radius=..."
            )
        if self.norm == "snr" and self.radius < 1.0:
            raise UserError(
                f"{place} dB is noise as loud as the speech; give it {typical}"
            )
        if self.radius < 0.0:
            raise UserError(f"{place} has to be above 0, {typical}")
        if self.norm == "linf" and self.radius > 1.0:
            raise UserError(f"{place} is more than full scale; give it {typical}")


def is_number(value: Any) -> bool:
    """Tell whether a setting is a number; YAML's true and false are none."""
    return isinstance(value, int | float) and not isinstance(value, bool)
