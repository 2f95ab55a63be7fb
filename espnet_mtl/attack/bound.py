"""A trial and the objects that perform it.

Whoever performs it looks nothing up: the names in a trial are for people and paths.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch

from espnet_mtl.attack.attackers import Attacker
from espnet_mtl.attack.balls import Ball, make_ball
from espnet_mtl.attack.config import CurveConfig
from espnet_mtl.attack.eot import EOT
from espnet_mtl.attack.methods.base import Method
from espnet_mtl.attack.victim import Victim
from espnet_mtl.results.trial import Member, Trial


@dataclass(frozen=True)
class BoundAttack:
    """One attack by one attacker.

    Attributes:
        about: What is said of it.
        method: The attack.
        attacker: What the attacker means for the victim.
        aims: Whose losses are attacked: the victim's, or those of other models; and
            what the attacker means for each.
        eot: Random transformations in front of them.
        again: How often the same attack by the same attacker comes before it in a
            suite. A second one starts from other random points, as a restart.
    """

    about: Member
    method: Method
    attacker: Attacker
    aims: tuple[tuple[Victim, Attacker], ...]
    eot: EOT
    again: int = 0


@dataclass(frozen=True)
class Needs:
    """What a trial's audio depends on, beside the model and the utterances.

    Attributes:
        truth: Whether it depends on what was said.
        decoder: Whether the decoder has a say in it.
        donor: Whether other utterances have.
        sources: Other packed models that have.
        fit_data: The data directory that the attack is fitted on; empty for none.
    """

    truth: bool
    decoder: bool
    donor: bool
    sources: tuple[str, ...]
    fit_data: str


@dataclass(frozen=True)
class PlannedTrial:
    """A trial as far as it can be known without a model: what merging reads."""

    trial: Trial
    needs: Needs


@dataclass(frozen=True)
class BoundTrial(PlannedTrial):
    """A trial, and the objects that perform it.

    Attributes:
        attacks: Several for a suite, else one.
        goal: What all of its attackers aim at.
        in_turn: Whether attacks are judged one after another, so that an utterance may
            be broken before one of them begins.
        curve: How to look for the smallest budget, in a trial that does.
    """

    attacks: tuple[BoundAttack, ...]
    goal: Attacker
    in_turn: bool = False
    curve: CurveConfig | None = None

    @classmethod
    def of(
        cls,
        trial: Trial,
        attacks: tuple[BoundAttack, ...],
        goal: Attacker,
        *,
        ascending: bool = False,
        curve: CurveConfig | None = None,
    ) -> "BoundTrial":
        """Bind a trial, and find out what it needs."""
        in_turn = trial.suite is not None or ascending
        methods = [one.method for one in attacks]
        attackers = [goal, *(one.attacker for one in attacks)]
        needs = Needs(
            truth=any(one.words != "target" for one in attackers),
            decoder=in_turn
            or any(method.traits.listens for method in methods)
            # Where the data do not tell an accent, the decoder does.
            or any(one.hears_accent for one in attackers),
            donor=any(method.traits.needs == "donor" for method in methods),
            sources=tuple(dict.fromkeys(p for m in methods for p in m.sources)),
            fit_data="".join(method.fit_data for method in methods),
        )
        return cls(trial, needs, attacks, goal, in_turn, curve)

    def going_on_from(self, smaller: "Sequence[BoundTrial]") -> "BoundTrial":
        """Return the trial after some of smaller budgets; see ``Trial.after``."""
        after = tuple(one.trial.name for one in smaller)
        trial = replace(self.trial, after=after)
        return BoundTrial.of(
            trial, self.attacks, self.goal, ascending=True, curve=self.curve
        )

    def ball(self, clean: torch.Tensor, lengths: torch.Tensor) -> Ball:
        """Put the trial's ball around utterances; see :func:`make_ball`."""
        return make_ball(self.trial.norm or "linf", self.trial.budget, clean, lengths)
