"""The control: a perturbation made for another utterance."""

from dataclasses import dataclass

import torch

from espnet_mtl.attack.methods.base import Traits
from espnet_mtl.attack.methods.noise import fill_
from espnet_mtl.attack.methods.pgd import PGD
from espnet_mtl.attack.problem import Attacked, Problem
from espnet_mtl.errors import UserError


@dataclass(frozen=True)
class Shuffled(PGD):
    """Attack another utterance with PGD, and use its perturbation here.

    The perturbation has the sound and the spectrum of an attack, but was made for other
    audio and another target. Where it harms as much as the utterance's own, the victim
    suffers from loudness and not from the attack; where it reaches the goal, the
    perturbation does not depend on the audio at all (compare the transfer between
    inputs of Moosavi-Dezfooli et al. 2017, arXiv 1610.08401, section 2).

    Deviations: the control is our own. The donor's perturbation is cut to the
    utterance's length or repeated up to it, and scaled until it uses the whole radius
    again, since utterances have radii of their own where the budget is an SNR.
    """

    traits = Traits(
        kind="control", listens=False, blind=None, needs="donor", in_suites=True
    )

    def __call__(self, problem: Problem) -> Attacked:
        """Attack a batch; see ``Method``."""
        if problem.donor is None:
            raise UserError(
                "shuffled: there is no other utterance to take a perturbation from: "
                "this attack needs at least two utterances"
            )
        donor = problem.donor()
        lent = super().__call__(donor).delta
        ball = problem.ball
        delta = fill_(ball, _fit(lent, donor.ball.lengths, ball.clean.shape[1]))
        with torch.no_grad():
            return Attacked(
                delta, problem.loss(ball.clean), problem.loss(ball.clean + delta)
            )


def _fit(delta: torch.Tensor, lengths: torch.Tensor, width: int) -> torch.Tensor:
    """Repeat each perturbation, of its own length, over a width, or cut it."""
    positions = torch.arange(width, device=delta.device)
    return delta.gather(1, positions % lengths.clamp(min=1)[:, None])
