"""Whether a model has overfitted to attacks of one step.

(Catastrophic overfitting: Wong et al. 2020, "Fast is better than free", section 5.4.)
Such a model resists the attack that it is trained on, and no stronger one of the same
size. Validation makes both attacks, and what is measured under each of them tells.
"""

import math
from collections.abc import Mapping

MANY = "_adv"
"""End of the name of what is measured under an attack of several steps."""

ONE = "_adv1"
"""The same of one step."""

MEASURES = ("acc", "cer_ctc", "loss")

# By how much more, of all tokens, a model may fail under many steps than under one
_COLLAPSE = 0.25


def describe_collapse(mean: Mapping[str, float]) -> str | None:
    """Say where a model resists one step far better than several, if it does.

    Args:
        mean: Means of ``acc``, ``cer_ctc`` and ``loss`` under both attacks, as far as a
            model has them. The loss counts only where there is neither of the others.
    """
    pairs = {
        name: (mean[name + ONE], mean[name + MANY])
        for name in MEASURES
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
