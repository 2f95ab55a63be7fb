"""Who attacks: how much each branch's loss counts, and what the attacker aims at."""

import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from espnet_mtl.attack.victim import Victim
from espnet_mtl.errors import UserError
from espnet_mtl.results.trial import Words

ACCENTS = ("random", "away", "keep")
_OF_TRAINING = "model"


@dataclass(frozen=True)
class AttackerConfig:
    """An attacker as a configuration has it, for any victim.

    Attributes:
        ctc: Weight of the CTC branch's loss: a number, or ``model`` for the weight that
            the branch had in the victim's training.
        att: The same of the attention branch.
        accent: The same of the accent branch; a negative one goes away from the accent.
        words: See :class:`Attacker`.
        to_accent: See :class:`Attacker`.
    """

    ctc: float | str = _OF_TRAINING
    att: float | str = _OF_TRAINING
    accent: float | str = _OF_TRAINING
    words: Words = "target"
    to_accent: str = "random"

    def __post_init__(self) -> None:
        for branch, weight in self.weights.items():
            if isinstance(weight, str) and weight != _OF_TRAINING:
                raise UserError(
                    f"{branch}: {weight!r}: give a number, or 'model' for the weight "
                    "of training"
                )
            if not isinstance(weight, str) and weight < 0 and branch != "accent":
                raise UserError(
                    f"{branch}: {weight}: a weight cannot be negative; to attack away "
                    "from what was said, write 'words: away'"
                )

    @property
    def weights(self) -> dict[str, float | str]:
        """The weight of each branch."""
        return {"ctc": self.ctc, "att": self.att, "accent": self.accent}


@dataclass(frozen=True)
class Attacker:
    """What an attacker means for one victim.

    Attributes:
        weights: Weight by branch in the loss that is minimised; negative where the
            attack goes away from something. No branch has weight 0, and their
            magnitudes sum to 1.
        words: ``target``: the target is to be heard. ``away``: anything but what was
            said. ``keep``: what was said, while the accent changes.
        accent: ``random``: an accent drawn for each utterance, not its own. ``away``:
            any but its own. ``keep``: its own. Else one of the victim's labels.
    """

    weights: Mapping[str, float] = field(default_factory=dict)
    words: Words = "target"
    accent: str = "random"

    @property
    def hears_accent(self) -> bool:
        """Whether the accent of an utterance matters, also where no data tell it."""
        return self.accent in ("away", "keep") or self.words == "keep"

    @property
    def identity(self) -> tuple[object, ...]:
        """What makes two attackers the same."""
        accent = self.accent if "accent" in self.weights else ""
        return (tuple(sorted(self.weights.items())), self.words, accent)


def resolve_attacker(wanted: AttackerConfig, victim: Victim) -> Attacker | None:
    """Work out what an attacker means for one victim.

    Returns:
        The attacker; ``None`` where it leaves all of the victim's branches alone, or
        wants to change an accent that the victim does not tell.

    Raises:
        UserError: If the victim does not know the accent.
    """
    accent = wanted.to_accent
    if victim.accents and accent not in (*ACCENTS, *victim.accents):
        raise UserError(
            f"attackers: to_accent: '{accent}': choose from {', '.join(ACCENTS)}, or "
            f"an accent of the model: {', '.join(victim.accents)}"
        )
    weights = {}
    for branch, of_training in victim.weights.items():
        given = wanted.weights[branch]
        weight = float(of_training if isinstance(given, str) else given)
        if (accent if branch == "accent" else wanted.words) == "away":
            weight = -weight
        if weight:
            weights[branch] = weight
    if not weights or (wanted.words == "keep" and not victim.accents):
        return None
    # A common factor changes no direction and no comparison of losses.
    total = math.fsum(map(abs, weights.values()))
    shares = {branch: round(weight / total, 12) for branch, weight in weights.items()}
    return Attacker(shares, wanted.words, accent)


@dataclass(frozen=True)
class NamedAttacker:
    """An attacker under its name in a configuration.

    Attributes:
        name: The name; empty for what is the same whoever attacks.
        attacker: The attacker.
        also: Names of other attackers that are the same one for this victim.
    """

    name: str
    attacker: Attacker
    also: tuple[str, ...] = ()


class Attackers:
    """All attackers of a configuration, resolved for one victim.

    Those that have nothing to attack are left out, which is logged.

    Attributes:
        every: The attackers, in order.
        distinct: Those that differ for this victim. Each has the names of the others.

    Raises:
        UserError: If none of them attacks anything of the victim.
    """

    def __init__(self, wanted: Mapping[str, AttackerConfig], victim: Victim):
        self.every: list[NamedAttacker] = []
        for name, config in wanted.items():
            attacker = resolve_attacker(config, victim)
            if attacker is not None:
                self.every.append(NamedAttacker(name, attacker))
                continue
            logging.warning(
                "%s: left out, as it attacks nothing of this model, which has %s",
                name,
                ", ".join(victim.weights),
            )
        if not self.every:
            raise UserError(
                "attackers: none of them attacks a branch that this model has; change "
                "their weights, or add an attacker"
            )
        self.distinct = self._find_distinct()

    def _find_distinct(self) -> list[NamedAttacker]:
        same: dict[tuple[object, ...], list[NamedAttacker]] = {}
        for one in self.every:
            same.setdefault(one.attacker.identity, []).append(one)
        distinct = []
        for first, *others in same.values():
            also = tuple(one.name for one in others)
            distinct.append(NamedAttacker(first.name, first.attacker, also))
            if also:
                names = ", ".join(also)
                logging.info(
                    "%s: the same attacker as %s for this model", names, first.name
                )
        return distinct
