"""How well a model in training resists: attacked validation batches."""

import logging
import math
from dataclasses import replace

import torch

from espnet_mtl.asr_mtl.robust.abs_robust import AbsRobust
from espnet_mtl.asr_mtl.robust.attack_training import AttackTraining
from espnet_mtl.asr_mtl.robust.batches import Batch, Moment, Result, with_speech
from espnet_mtl.asr_mtl.robust.losses import RECOGNISER
from espnet_mtl.asr_mtl.robust.pgd import PGDTraining
from espnet_mtl.asr_mtl.robust.sizes import largest_ball
from espnet_mtl.metrics.one_step import MANY, MEASURES, ONE, describe_collapse


class Validation:
    """Validates on clean audio, and on a share of the batches on attacked audio, too.

    The attack has the largest radius, is the same in every epoch, and leads away from
    the text by the recogniser's training loss. So the figures of epochs can be
    compared, and those of trainings with the same norm, radius, ``valid_steps``,
    ``valid_share``, seed and weights of losses.

    Args:
        robust: How the model is trained. If that is with attacks of one step, the
            batches are attacked with one step as well: a model that resists it but not
            several steps has overfitted to it (Wong et al. 2020, section 5.4). It is
            the step of ``pgd`` itself, though it always leads away from the text by
            the recogniser's loss, as the several steps do; that of ``trades`` has no
            text to lead away from, and one of the same length stands for it.
    """

    def __init__(self, robust: AbsRobust):
        self._robust = robust
        radius, norm = robust.radius, robust.norm
        many = PGDTraining(radius=radius, norm=norm, steps=robust.valid_steps)
        self._attacks: dict[str, PGDTraining] = {MANY: many}
        if isinstance(robust, AttackTraining) and robust.steps == 1:
            self._attacks[ONE] = (
                replace(robust, losses=RECOGNISER, targeted=False)
                if isinstance(robust, PGDTraining)
                else PGDTraining(
                    radius=radius, norm=norm, steps=1, step_size=robust.step_size
                )
            )
        self._sums: dict[str, float] = {}
        self._utterances = 0

    def __call__(self, model: torch.nn.Module, batch: Batch, moment: Moment) -> Result:
        """Return the model's loss on a batch, and statistics of it as it is attacked.

        Parallel processes attack the same numbers of batches: they average statistics
        together, which all have to have.
        """
        loss, stats, weight = model(**with_speech(batch, batch["speech"]))
        share = self._robust.valid_share
        if math.ceil((moment.batch + 1) * share) == math.ceil(moment.batch * share):
            return loss, stats, weight
        ball = largest_ball(self._robust.norm, self._robust.radius, batch)
        for ending, attack in self._attacks.items():
            delta = attack.attack(model, batch, moment, ball)
            _, under_attack, _ = model(**with_speech(batch, ball.clean + delta))
            named = {name + ending: value for name, value in under_attack.items()}
            stats = {**stats, **named}
        self._add(stats, len(batch["speech"]))
        return loss, stats, weight

    def finish(self, epoch: int) -> None:
        """Warn if a model has overfitted to attacks of one step; then start anew."""
        sums, utterances = self._sums, self._utterances
        self._sums, self._utterances = {}, 0
        if not utterances:
            return
        mean = {name: value / utterances for name, value in sums.items()}
        if (reason := describe_collapse(mean)) is not None:
            logging.warning(
                "Epoch %d: %s. The model resists the attack of one step that it is "
                "trained on, and no other of this size (catastrophic overfitting). "
                "Train with --robust_conf steps=2, or with a smaller step_size or "
                "radius",
                epoch,
                reason,
            )

    def _add(self, stats: dict[str, torch.Tensor], utterances: int) -> None:
        if ONE not in self._attacks:
            return
        self._utterances += utterances
        for name in MEASURES:
            for ending in (MANY, ONE):
                value = stats.get(name + ending)
                if value is not None:
                    before = self._sums.get(name + ending, 0.0)
                    self._sums[name + ending] = before + utterances * float(value)
