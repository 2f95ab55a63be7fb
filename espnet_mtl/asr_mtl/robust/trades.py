"""Training for the same output with and without an attack."""

import random
from dataclasses import dataclass
from typing import Any

import torch

from espnet_mtl.asr_mtl.robust.attack_training import AttackTraining
from espnet_mtl.asr_mtl.robust.batches import Batch, Moment, Result, with_speech
from espnet_mtl.asr_mtl.robust.inside import seen_from_inside
from espnet_mtl.asr_mtl.robust.outputs import check_outputs, divergence, kept_outputs


@dataclass(frozen=True)
class TradesTraining(AttackTraining):
    """Train on clean audio, and for outputs that an attack changes little.

    The loss is that of clean audio plus ``beta`` times the divergence of the outputs on
    attacked audio from those on clean audio; the attack raises the divergence (Zhang et
    al. 2019, TRADES, equation 5 and algorithm 1). Outputs are the posteriors of each
    CTC frame and of each token of the decoder, which is given the true text. With an
    accent branch, the loss on clean audio has its part in it, and the divergence the
    recogniser's share, 1 - ``accent_weight``; accents are not attacked.

    Deviations: the attack starts anywhere in the ball, not near the clean audio. Both
    passes have the same dropout and the same SpecAugment, so that the divergence is
    that of the attack alone.

    Attributes:
        beta: Weight of the divergence; the larger, the more a model resists and the
            less accurate it is.
    """

    beta: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_number("beta", 0.0)

    def check_model(self, model: torch.nn.Module) -> None:
        """Check that the model's outputs are known; see ``AbsRobust``."""
        check_outputs(model)

    def __call__(self, model: torch.nn.Module, batch: Batch, moment: Moment) -> Result:
        """Calculate the loss of the class's description; see ``AbsRobust``."""
        speech = self._change(model, batch, moment)
        random_state = _get_random_state(speech)
        # Two passes: BatchNorm shall not mix clean and attacked audio.
        with kept_outputs(model) as clean:
            loss, stats, weight = model(**with_speech(batch, batch["speech"]))
        _set_random_state(random_state)
        with kept_outputs(model) as attacked:
            model(**with_speech(batch, speech))
        apart = divergence(model, clean, attacked)
        share = 1.0 - float(getattr(model, "accent_weight", 0.0))
        loss = loss + share * self.beta * apart
        stats = {**stats, "divergence": _like(apart, weight), "loss": loss.detach()}
        return loss, stats, weight

    def _change(
        self, model: torch.nn.Module, batch: Batch, moment: Moment
    ) -> torch.Tensor:
        """Return attacked audio, (Batch, Samples)."""
        ball = self.ball(batch, moment)

        def apart(speech: torch.Tensor) -> torch.Tensor:
            with kept_outputs(model) as outputs:
                model(**with_speech(batch, speech))
            return divergence(model, clean, outputs)

        with seen_from_inside(model, self.mode):
            with torch.no_grad(), kept_outputs(model) as clean:
                model(**with_speech(batch, ball.clean))
            start = ball.random(moment.seeds("start", batch))
            return self.climb(apart, ball, start).add_(ball.clean)


def _like(value: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """Shape a statistic as ESPnet's models do."""
    return value.detach().reshape(weight.shape)


def _get_random_state(speech: torch.Tensor) -> tuple[Any, ...]:
    # Python's: ESPnet's RNN decoder draws from it.
    state = (random.getstate(), torch.get_rng_state())
    if speech.is_cuda:
        return (*state, torch.cuda.get_rng_state(speech.device))
    return state


def _set_random_state(state: tuple[Any, ...]) -> None:
    random.setstate(state[0])
    torch.set_rng_state(state[1])
    if len(state) > 2:
        torch.cuda.set_rng_state(state[2])
