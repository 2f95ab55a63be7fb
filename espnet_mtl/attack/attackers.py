"""Who attacks: how much each branch's loss counts."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from espnet_mtl.errors import UserError

if TYPE_CHECKING:  # torch costs a second, which reading a configuration need not
    from espnet_mtl.attack.victim import Victim

BRANCHES = ("ctc", "att", "accent")


def resolve_weights(
    weights: Mapping[str, float | str], victim: "Victim"
) -> dict[str, float]:
    """Turn an attacker's weights into numbers for one victim.

    Args:
        weights: Weight by branch; ``model`` stands for the weight that the branch had
            in the victim's training. Branches left out count as ``model``.
        victim: The victim.

    Returns:
        Weights above 0 of branches that the victim has; empty where the attacker
        leaves all of them alone.

    Raises:
        UserError: If a weight is none, or a branch is unknown.
    """
    unknown = sorted(set(weights) - set(BRANCHES))
    if unknown:
        raise UserError(
            f"attacker: {', '.join(unknown)}: no such branch; choose from "
            f"{', '.join(BRANCHES)}"
        )
    resolved = {}
    for branch, own in victim.weights.items():
        weight = weights.get(branch, "model")
        if weight == "model":
            weight = own
        if isinstance(weight, bool) or not isinstance(weight, int | float):
            raise UserError(
                f"attacker: {branch}: {weight!r}: give a number, or 'model' for the "
                "weight of training"
            )
        if weight < 0:
            raise UserError(f"attacker: {branch}: {weight}: give no negative weight")
        if weight > 0:
            resolved[branch] = float(weight)
    return resolved
