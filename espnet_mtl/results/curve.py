"""Robustness curves: what each budget breaks; ``curve.json`` of a report.

Rates are in percent, intervals of 95 % over speakers. Budgets are in the unit of the
norm: of full scale 1 for ``linf`` and ``l2``, dB for ``snr``, where lower is stronger.
"""

from dataclasses import dataclass
from pathlib import Path

from espnet_mtl.results.files import write_result

CURVE_NAME = "curve.json"

Limits = tuple[float, float]
"""Both ends of an interval."""


@dataclass(frozen=True, kw_only=True)
class Median:
    """A median over utterances of which some may not have been broken at all.

    Attributes:
        value: ``None`` where fewer than half were broken.
        ci: Its interval, the lower number first: an end is ``None`` where it lies
            beyond what was tried. No interval where there are fewer than six speakers.
        bounds: Those of these numbers that the utterance may be broken with less than:
            nothing weaker was tried on it.
    """

    value: float | None
    ci: tuple[float | None, float | None] | None
    bounds: tuple[float, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Point:
    """What an attack reaches with a budget; the curve keeps it up to the next point.

    Attributes:
        snr_db: SNR of perturbations of this budget: that of each utterance's saved
            perturbation, scaled to the budget; the median over utterances.
        broken: Share of utterances that this budget or a smaller one breaks.
        adv_twer: Error rate against the target, of the nearest that was heard up to
            this budget.
    """

    budget: float
    snr_db: float | None
    broken: float
    broken_ci: Limits | None
    adv_twer: float
    adv_twer_ci: Limits | None


@dataclass(frozen=True, kw_only=True)
class Curve:
    """A robustness curve, over the utterances whose target can be heard.

    Attributes:
        seed: Seed of the system's training.
        decoder: Tag of the decoding.
        set: Name of the attacked set.
        trials: Searches for the smallest budgets that it was made of. Of several, each
            utterance counts with the smallest budget that any of them found.
        attack: Name of the attack or the suite; ``None`` for several searches.
        attacker: Name of the attacker; ``None`` for several.
        accent: The true accent of its utterances; ``None`` for all accents.
        n: Utterances.
        speakers: How many different ones.
        not_broken: Utterances that no budget up to ``strongest`` broke.
        unconfirmed: Utterances for which the attack heard another outcome than the
            decoding of the saved file, which is what counts.
        within: By which factor a smallest budget is at most above the largest one below
            it that did not break the utterance; ``None`` where no utterance has both,
            or they are neighbouring levels of 16-bit audio (``linf``).
        gradients: How often the loss was differentiated in the searches, of an
            utterance on average, beyond the attack at its own budgets.
        decodings: How often the decoder was asked in them.
        weakest: The smallest budget down to which it is known, for all systems that
            are compared, which utterances resist.
        strongest: The largest budget up to which that is known.
        all_from: Budget from which on all utterances were attacked. Smaller ones were
            tried only on those that it had broken; the others count as untouched there,
            so that AdvTWER is at most what the points say.
        null_twer: Error rate of untouched audio against the target.
        median: Median of the utterances' smallest budgets.
        median_snr_db: Median SNR of their perturbations. An utterance that was not
            broken counts as needing a louder one than any that was.
        area: Area under the curve: the share of utterances that resist, averaged over
            the logarithm of the budget from ``weakest`` to ``strongest``; ``None``
            where these are the same.
        optimality: How near the curve is to the lower envelope of those of all
            searches, 1 where it is the envelope; ``None`` where there is one search
            only, or none breaks anything.
        points: From weak to strong.
    """

    system: str
    seed: int
    decoder: str
    set: str
    attack_tag: str
    norm: str | None
    trials: tuple[str, ...]
    attack: str | None
    attacker: str | None
    accent: str | None
    n: int
    speakers: int
    not_broken: int
    unconfirmed: int
    within: float | None
    gradients: float
    decodings: float
    weakest: float
    strongest: float
    all_from: float
    null_twer: float
    median: Median
    median_snr_db: Median
    area: float | None
    area_ci: Limits | None
    optimality: float | None
    points: tuple[Point, ...]


def write_curves(path: Path, curves: list[Curve]) -> None:
    """Write robustness curves to a file, ``curve.json`` by its usual name."""
    write_result(path, curves)
