"""How well a model in training resists: attacked validation batches."""

import logging
import math

import torch

from espnet_mtl.asr_mtl.robust.abs_robust import AbsRobust
from espnet_mtl.asr_mtl.robust.batches import Batch, Moment, Result, with_speech
from espnet_mtl.asr_mtl.robust.pgd import PGDTraining
from espnet_mtl.asr_mtl.robust.sizes import largest_ball

# A measure under the attack is named as that of clean audio, and has this at its end.
MANY, ONE = "_adv", "_adv1"
# By how much more, of all tokens, a model may fail under many steps than under one
_COLLAPSE = 0.25


class Validation:
    """Validates on clean audio, and on a share of the batches on attacked audio, too.

    The attack has the largest radius, is the same in every epoch, and leads away from
    the text by the recogniser's training loss. So the figures of epochs can be
    compared, and those of trainings with the same norm, radius, ``valid_steps``,
    ``valid_share``, seed and weights of losses.

    Args:
        robust: How the model is trained. If that is adversarial training with one
            step, the batches are attacked with that attack as well: a model that
            resists it but not several steps has overfitted to it (Wong et al. 2020,
            section 5.4).
    """

    def __init__(self, robust: AbsRobust):
        self._robust = robust
        radius, norm = robust.radius, robust.norm
        many = PGDTraining(radius=radius, norm=norm, steps=robust.valid_steps)
        self._attacks = {MANY: many}
        if isinstance(robust, PGDTraining) and robust.steps == 1:
            self._attacks[ONE] = robust
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
        for name in ("acc", "cer_ctc", "loss"):
            for ending in (MANY, ONE):
                value = stats.get(name + ending)
                if value is not None:
                    before = self._sums.get(name + ending, 0.0)
                    self._sums[name + ending] = before + utterances * float(value)


def describe_collapse(mean: dict[str, float]) -> str | None:
    """Say where a model resists one step far better than several, if it does.

    Args:
        mean: Means of ``acc``, ``cer_ctc`` and ``loss`` under both attacks, as far as a
            model has them. The loss counts only where there is neither of the others.
    """
    pairs = {
        name: (mean[name + ONE], mean[name + MANY])
        for name in ("acc", "cer_ctc", "loss")
        if math.isfinite(mean.get(name + ONE, math.nan))
        and math.isfinite(mean.get(name + MANY, math.nan))
    }
    rates = [name for name in ("acc", "cer_ctc") if name in pairs]
    for name in rates or pairs:
        one, many = pairs[name]
        worse = one - many if name == "acc" else many - one
        if worse > (_COLLAPSE if rates else one):
            return f"{name} is {one:.3f} under one step and {many:.3f} under several"
    return None
