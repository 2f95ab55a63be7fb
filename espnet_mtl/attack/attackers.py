"""Who attacks: how much each branch's loss counts, and what the attacker wishes."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from espnet_mtl.errors import UserError

if TYPE_CHECKING:
    from espnet_mtl.attack.victim import Victim

BRANCHES = ("ctc", "att", "accent")
WORDS = ("target", "away", "keep")
ACCENTS = ("random", "away", "keep")


@dataclass(frozen=True)
class Attacker:
    """What an attacker wishes of one victim.

    Attributes:
        weights: Weight by branch in the loss that is made small; negative where the
            attack goes away from something. No branch has weight 0, and their
            magnitudes sum to 1.
        words: ``target``: the target is to be heard. ``away``: not what was said.
            ``keep``: what was said, while the accent changes.
        accent: ``random``: an accent drawn for each utterance, not its own. ``away``:
            not its own. ``keep``: its own. Else one of the victim's labels.
    """

    weights: Mapping[str, float]
    words: str = "target"
    accent: str = "random"

    @property
    def identity(self) -> tuple:
        """What makes two attackers the same."""
        accent = self.accent if "accent" in self.weights else ""
        return (tuple(sorted(self.weights.items())), self.words, accent)


def resolve_attacker(
    wanted: Mapping[str, float | str], victim: "Victim"
) -> Attacker | None:
    """Turn an attacker's configuration into what it means for one victim.

    Args:
        wanted: Weight by branch: a number, or ``model`` for the weight that the branch
            had in the victim's training, which is also what a branch has that is left
            out. And perhaps ``words`` and ``to_accent``; see :class:`Attacker`.
        victim: The victim.

    Returns:
        The attacker; ``None`` where it leaves all of the victim's branches alone, or
        wants to change an accent that the victim does not tell.

    Raises:
        UserError: If a weight is none, or a name is unknown.
    """
    known = (*BRANCHES, "words", "to_accent")
    unknown = sorted(set(wanted) - set(known))
    if unknown:
        raise UserError(
            f"attacker: {', '.join(unknown)}: no such setting; choose from "
            f"{', '.join(known)}"
        )
    words = wanted.get("words", "target")
    if words not in WORDS:
        raise UserError(f"attacker: words: {words!r}: choose from {', '.join(WORDS)}")
    accent = str(wanted.get("to_accent", "random"))
    if victim.accents and accent not in (*ACCENTS, *victim.accents):
        raise UserError(
            f"attacker: to_accent: '{accent}': choose from {', '.join(ACCENTS)}, or an "
            f"accent of the model: {', '.join(victim.accents)}"
        )
    weights = {}
    for branch, own in victim.weights.items():
        weight = _weight(branch, wanted.get(branch, "model"), own)
        if (accent if branch == "accent" else words) == "away":
            weight = -weight
        if weight:
            weights[branch] = weight
    if not weights or (words == "keep" and not victim.accents):
        return None
    # A common factor changes no direction and no comparison of losses.
    total = math.fsum(map(abs, weights.values()))
    shares = {branch: round(weight / total, 12) for branch, weight in weights.items()}
    return Attacker(shares, words, accent)


def _weight(branch: str, weight: float | str, own: float) -> float:
    if weight == "model":
        return float(own)
    if isinstance(weight, bool) or not isinstance(weight, int | float):
        raise UserError(
            f"attacker: {branch}: {weight!r}: give a number, or 'model' for the "
            "weight of training"
        )
    if weight < 0 and branch != "accent":
        raise UserError(
            f"attacker: {branch}: {weight}: give no negative weight; 'words: away' "
            "goes away from what was said"
        )
    return float(weight)
