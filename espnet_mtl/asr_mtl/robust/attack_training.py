"""Training with an attack in each step."""

from collections.abc import Callable
from dataclasses import dataclass

import torch

from espnet_mtl.asr_mtl.robust.abs_robust import AbsRobust
from espnet_mtl.asr_mtl.robust.search import search
from espnet_mtl.attack.balls import Ball
from espnet_mtl.errors import UserError

_SEVERAL = 3  # steps of an attack that is another one than that of one step


@dataclass(frozen=True)
class AttackTraining(AbsRobust):
    """What the ways to train with an attack have in common: its steps.

    Attributes:
        steps: Gradient steps of the attack. Each costs about as much as training.
        step_size: Length of a step, as a share of the radius. If it is not given, all
            steps together are 2.5 radii long, and none is longer than 1.25.
        mode: ``eval`` attacks the model as it is used: without dropout and SpecAugment,
            and with BatchNorm's running averages. ``train`` attacks it as it is
            trained.
    """

    steps: int = 2
    step_size: float | None = None
    mode: str = "eval"

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_number("steps", 1, whole=True)
        if self.step_size is not None:
            self.check_number("step_size", 0.01, 10.0)
        self.choose("mode", ("eval", "train"))

    def check_validation(self) -> None:
        """Check that validation would see a model overfit to attacks of one step.

        Raises:
            UserError: If it would not.
        """
        if self.steps == 1 and (self.valid_share == 0 or self.valid_steps < _SEVERAL):
            raise UserError(
                "robust_conf: with steps: 1, a model can overfit to attacks of one "
                "step, and resist no other. To see it, attack validation batches "
                f"(valid_share above 0) with valid_steps of at least {_SEVERAL}; or "
                "train with steps: 2"
            )

    def climb(
        self,
        loss: Callable[[torch.Tensor], torch.Tensor],
        ball: Ball,
        start: torch.Tensor,
        sign: torch.Tensor | float = 1.0,
    ) -> torch.Tensor:
        """Search for a perturbation; see :func:`search`."""
        size = self.step_size
        if size is None:
            size = min(1.25, 2.5 / self.steps)
        return search(loss, ball, start, self.steps, size, sign)
