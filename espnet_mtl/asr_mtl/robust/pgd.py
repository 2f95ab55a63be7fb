"""Adversarial training."""

from dataclasses import dataclass

import torch

from espnet_mtl.asr_mtl.robust.abs_robust import AbsRobust
from espnet_mtl.asr_mtl.robust.batches import (
    Batch,
    Moment,
    Result,
    with_others_words,
    with_speech,
)
from espnet_mtl.asr_mtl.robust.inside import seen_from_inside
from espnet_mtl.asr_mtl.robust.losses import (
    RECOGNISER,
    Losses,
    attacked,
    check_branches,
    check_losses,
)
from espnet_mtl.asr_mtl.robust.search import search
from espnet_mtl.attack.balls import Ball


@dataclass(frozen=True)
class PGDTraining(AbsRobust):
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
        steps: Gradient steps of the attack. Each costs about as much as training.
        step_size: Length of a step, as a share of the radius. If it is not given, all
            steps together are 2.5 radii long, and none is longer than 1.25.
        start: ``uniform`` starts anywhere in the ball, ``zero`` at the clean audio.
        losses: What the attack raises: ``recogniser`` for the recogniser's own training
            loss, ``all`` for the model's, or weights by branch: ``ctc``, ``att``,
            ``accent``.
        targeted: Whether to lower the losses towards another utterance's text and
            accent instead. Where both texts are the same, the attack leads away.
        mode: ``eval`` attacks the model as it is used: without dropout and SpecAugment,
            and with BatchNorm's running averages. ``train`` attacks it as it is
            trained.
    """

    steps: int = 2
    step_size: float | None = None
    start: str = "uniform"
    losses: Losses = RECOGNISER
    targeted: bool = False
    mode: str = "eval"

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_number("steps", 1, whole=True)
        if self.step_size is not None:
            self.check_number("step_size", 0.01, 10.0)
        self.choose("start", ("uniform", "zero"))
        self.choose("mode", ("eval", "train"))
        check_losses(self.losses)

    def check_model(self, model: torch.nn.Module) -> None:
        """Check that the model has the attacked branches; see ``AbsRobust``."""
        check_branches(self.losses, model)

    def __call__(self, model: torch.nn.Module, batch: Batch, moment: Moment) -> Result:
        """Calculate the model's loss on attacked audio; see ``AbsRobust``."""
        ball = self.ball(batch, moment)
        delta = self.attack(model, batch, moment, ball)
        result: Result = model(**with_speech(batch, ball.clean + delta))
        return result

    def attack(
        self, model: torch.nn.Module, batch: Batch, moment: Moment, ball: Ball
    ) -> torch.Tensor:
        """Search for a perturbation of each utterance, (Batch, Samples)."""
        sign: torch.Tensor | float = 1.0
        if self.targeted:
            batch, has_target = with_others_words(batch)
            sign = torch.where(has_target, -1.0, 1.0)
        with seen_from_inside(model, self.mode), attacked(model, self.losses):
            return search(
                lambda speech: model(**with_speech(batch, speech))[0],
                ball,
                self.first(batch, moment, ball),
                self.steps,
                self.step_length,
                sign,
            )

    def first(self, batch: Batch, moment: Moment, ball: Ball) -> torch.Tensor:
        """Return where the attack starts, (Batch, Samples)."""
        if self.start == "zero":
            return torch.zeros_like(ball.clean)
        return ball.random(moment.seeds("start", batch))

    @property
    def step_length(self) -> float:
        """Length of a step, as a share of the radius."""
        if self.step_size is not None:
            return self.step_size
        return min(1.25, 2.5 / self.steps)
