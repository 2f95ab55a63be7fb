"""Adversarial training."""

from dataclasses import dataclass

import torch

from espnet_mtl.asr_mtl.robust.attack_training import AttackTraining
from espnet_mtl.asr_mtl.robust.batches import (
    Batch,
    Moment,
    Result,
    with_others_words,
    with_speech,
)
from espnet_mtl.asr_mtl.robust.inside import seen_from_inside
from espnet_mtl.asr_mtl.robust.losses import (
    ALL,
    RECOGNISER,
    Losses,
    attacked,
    check_branches,
    check_losses,
)
from espnet_mtl.attack.balls import Ball
from espnet_mtl.errors import UserError


@dataclass(frozen=True)
class PGDTraining(AttackTraining):
    """Train on audio that is attacked in each step (Madry et al. 2018, equation 2.1).

    With one step from a random start, it is fast adversarial training (Wong et al.
    2020, algorithm 3), which can overfit to attacks of one step; the validation attack
    has more of them, and tells.

    Deviations: the radius of each utterance is drawn, so that speech with little or no
    noise is trained on as well, and it grows at first. With an accent branch, the
    attack follows the recogniser's loss alone unless ``losses`` says otherwise, as in
    guided adversarial training (Ghamizi et al. 2023, arXiv 2302.02907); the training
    loss has both.

    Attributes:
        start: ``uniform`` starts anywhere in the ball, ``zero`` at the clean audio.
        losses: What the attack raises: ``recogniser`` for the recogniser's own training
            loss, ``all`` for the model's, or weights by branch: ``ctc``, ``att``,
            ``accent``.
        targeted: Whether to lower the recogniser's losses towards another utterance's
            text instead. Where both texts are the same, the attack leads away.
    """

    start: str = "uniform"
    losses: Losses = RECOGNISER
    targeted: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        self.choose("start", ("uniform", "zero"))
        self.choose("targeted", (False, True))
        check_losses(self.losses)
        if self.targeted and (self.losses == ALL or "accent" in self.losses):
            raise UserError(
                "robust_conf: targeted leads towards another text, and leaves the "
                f"accent branch alone: set losses to '{RECOGNISER}', or to weights of "
                "ctc and att"
            )

    def check_model(self, model: torch.nn.Module) -> None:
        """Check that the model has the attacked branches; see ``AbsRobust``."""
        check_branches(self.losses, model)

    def __call__(self, model: torch.nn.Module, batch: Batch, moment: Moment) -> Result:
        """Calculate the model's loss on attacked audio; see ``AbsRobust``."""
        speech = self.change(model, batch, moment)
        result: Result = model(**with_speech(batch, speech))
        return result

    def change(
        self, model: torch.nn.Module, batch: Batch, moment: Moment
    ) -> torch.Tensor:
        """Return attacked audio, (Batch, Samples)."""
        ball = self.ball(batch, moment)
        return self.attack(model, batch, moment, ball).add_(ball.clean)

    def attack(
        self, model: torch.nn.Module, batch: Batch, moment: Moment, ball: Ball
    ) -> torch.Tensor:
        """Search for a perturbation of each utterance, (Batch, Samples)."""
        start = torch.zeros_like(ball.clean)
        if self.start == "uniform":
            start = ball.random(moment.seeds("start", batch))
        sign: torch.Tensor | float = 1.0
        if self.targeted:
            batch, has_target = with_others_words(batch)
            sign = torch.where(has_target, -1.0, 1.0)
        with seen_from_inside(model, self.mode), attacked(model, self.losses):
            return self.climb(
                lambda speech: model(**with_speech(batch, speech))[0],
                ball,
                start,
                sign,
            )
