"""The steps of a robustness curve, and what follows from them.

Budgets stand on an axis in dB (:func:`~espnet_mtl.report.norms.decibels`), where equal
distances are equal factors of the budget, whatever the norm.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from espnet_mtl.metrics.bootstrap import MOST_NUMBERS, Interval
from espnet_mtl.metrics.pointwise import (
    median_interval,
    monotone,
    rate_intervals,
)
from espnet_mtl.report.norms import LEVELS, decibels
from espnet_mtl.report.robustness.search import Search

_ROUNDING = 1e-6  # dB
MOST_POINTS = 1000
"""Points of a curve. In L2 and SNR every utterance has budgets of its own, and all of
them would make a file of gigabytes, and a plot that looks the same."""


@dataclass(frozen=True, eq=False)
class Steps:
    """Utterances, at least one, under an attack whose budget grows."""

    norm: str | None
    searches: Sequence[Search]

    @cached_property
    def budgets(self) -> list[float]:
        """Budgets that were tried on any utterance, from weak to strong.

        Of more than ``MOST_POINTS`` these are about as many, from the weakest to the
        strongest, with as many others between any two that follow each other; and
        ``all_from``, where bands begin.
        """
        tried = {budget for one in self.searches for budget, _ in one.steps}
        every = sorted(tried, key=lambda budget: decibels(self.norm, budget))
        if len(every) <= MOST_POINTS:
            return every
        places = np.linspace(0, len(every) - 1, MOST_POINTS).round().astype(int)
        return [every[place] for place in sorted({*places, every.index(self.all_from)})]

    @cached_property
    def _places(self) -> np.ndarray:
        """The budgets of the points in dB, (Points,)."""
        return np.array([decibels(self.norm, budget) for budget in self.budgets])

    @cached_property
    def speakers(self) -> list[str]:
        """Of each utterance, (Utterances,)."""
        return [one.speaker for one in self.searches]

    @cached_property
    def words(self) -> np.ndarray:
        """Words of each target, (Utterances,)."""
        return np.array([one.words for one in self.searches])

    @cached_property
    def smallest_db(self) -> np.ndarray:
        """Smallest budget that breaks each, in dB, ``inf`` for none, (Utterances,)."""
        return np.array(
            [
                decibels(self.norm, one.saved) if one.broken else np.inf
                for one in self.searches
            ]
        )

    @property
    def bounds(self) -> list[Search]:
        """Utterances that all budgets broke: the smallest may be smaller still."""
        return [one for one in self.searches if one.broken and one.resisted is None]

    @property
    def all_from(self) -> float:
        """The smallest budget from which on all utterances were attacked."""
        first = (one.steps[0][0] for one in self.searches)
        return max(first, key=lambda budget: decibels(self.norm, budget))

    def known(self) -> tuple[float, float]:
        """Between which budgets, in dB, it is known of all whether they resist.

        That is from the weakest tried on an utterance that every budget broke, to the
        strongest tried on one that none did; infinite where there is no such one.
        """
        weakest = [one.weakest for one in self.bounds]
        strongest = [
            one.strongest
            for one in self.searches
            if not one.broken and one.strongest is not None
        ]
        return (
            max((decibels(self.norm, one) for one in weakest), default=-np.inf),
            min((decibels(self.norm, one) for one in strongest), default=np.inf),
        )

    def resisting(self, budget: float) -> int:
        """How many utterances are not broken up to a budget."""
        return int((self.smallest_db > decibels(self.norm, budget) + _ROUNDING).sum())

    def broken(self) -> list[Interval]:
        """Share of utterances that each budget breaks, in percent, (Budgets,)."""
        found = []
        every = np.ones(len(self.searches))
        for part in self._parts():
            broken = (self.smallest_db[:, None] <= self._places[part]).astype(float)
            found += rate_intervals(broken, every, self.speakers)
        return monotone(found, rising=True)

    def adv_twer(self) -> list[Interval]:
        """AdvTWER at each budget, in percent, (Budgets,)."""
        owners, places, costs = self._lowest_costs()
        null = np.array([one.null for one in self.searches], float)
        lowest = np.full(len(null), np.inf)  # up to the points of the part before
        found = []
        for part in self._parts():
            mine = (part.start <= places) & (places < part.stop)
            values = np.full((len(null), part.stop - part.start), np.inf)
            values[:, 0] = lowest
            np.minimum.at(
                values, (owners[mine], places[mine] - part.start), costs[mine]
            )
            np.minimum.accumulate(values, axis=1, out=values)
            lowest = values[:, -1].copy()
            # Untouched audio counts where no budget was tried yet.
            values = np.where(np.isinf(values), null[:, None], values)
            found += rate_intervals(values, self.words, self.speakers)
        return monotone(found, rising=False)

    def _lowest_costs(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """List the steps of all utterances, (Steps,) each.

        They are the number of the utterance, that of the first point whose budget is
        not below the step's, and the cost.
        """
        steps = [
            (owner, decibels(self.norm, budget), cost)
            for owner, one in enumerate(self.searches)
            for budget, cost in one.steps
        ]
        owners, budgets, costs = (
            np.array(column) for column in zip(*steps, strict=True)
        )
        return owners, np.searchsorted(self._places, budgets), costs

    def _parts(self) -> Iterator[slice]:
        """Divide the points, so that a number for each and each utterance fits."""
        width = max(1, MOST_NUMBERS // len(self.searches))
        for start in range(0, len(self.budgets), width):
            yield slice(start, min(start + width, len(self.budgets)))

    def median_db(self) -> Interval:
        """Median of the smallest budgets, in dB; ``inf`` where none is reached."""
        return median_interval(self.smallest_db, self.speakers)

    def median_snr(self) -> Interval:
        """Median SNR of the smallest perturbations, in dB; its ``low`` is the louder.

        Without a perturbation it is ``inf``; ``-inf`` where an utterance was not broken
        at all: the perturbation that would break it is louder than is known.
        """
        needed = [
            np.inf if not one.broken else -np.inf if one.snr_db is None else -one.snr_db
            for one in self.searches
        ]
        found = median_interval(np.array(needed), self.speakers)
        return Interval(-found.estimate, -found.high, -found.low)

    def area(self, low_db: float, high_db: float) -> Interval:
        """Share that resists, in percent: its mean over the budgets between two, in dB.

        It is known exactly although some utterances were not broken: up to ``high_db``
        these resist.
        """
        return self._rate(self.lasted(low_db, high_db))

    def optimality(self, envelope: "Steps", low_db: float, high_db: float) -> float:
        """How near the curve comes to a lower envelope, 1 where it is the envelope.

        With areas ``A`` under curves of the share that resists (between the budgets
        ``low_db`` and ``high_db``, as parts of the area where nothing is broken), it is

            (1 - A) / (1 - A_envelope)

        the optimality of an attack on one model in Cinà et al., "AttackBench" (arXiv
        2404.19460). 0 is an attack that breaks nothing; NaN where the envelope breaks
        nothing either.

        Deviations: budgets are taken by their logarithm, as in the plot, from the
        weakest tried (below it nothing is known) to the strongest, where AttackBench
        goes from 0 to the largest distance that the envelope needs. So large budgets
        do not decide alone.
        """
        broken = 1.0 - self.lasted(low_db, high_db)
        best = 1.0 - envelope.lasted(low_db, high_db)
        return float(broken.mean() / best.mean()) if best.any() else np.nan

    def lasted(self, low_db: float, high_db: float) -> np.ndarray:
        """Part of the way between two budgets that each resists, (Utterances,)."""
        within = self.smallest_db.clip(low_db, high_db)
        return np.asarray((within - low_db) / (high_db - low_db))

    def _rate(self, values: np.ndarray) -> Interval:
        [found] = rate_intervals(values[:, None], np.ones(len(values)), self.speakers)
        return found

    def within(self) -> float | None:
        """By which factor the smallest budgets are known at worst; see ``Curve``.

        Neighbouring levels of 16-bit audio do not count: there is nothing between.
        """
        gaps = [
            decibels(self.norm, one.saved) - decibels(self.norm, one.resisted)
            for one in self.searches
            if one.broken and one.resisted is not None
            if self.norm != "linf" or one.saved - one.resisted > 1.5 / LEVELS
        ]
        return float(10.0 ** (max(gaps) / 20.0)) if gaps else None

    def full_scale_db(self) -> float | None:
        """SNR of a perturbation of 0 dB on the axis of budgets: the median, in dB.

        Each utterance's saved perturbation is scaled to it: as long as its shape stays
        the same, the SNR falls by 1 dB where the budget grows by 1 dB.
        """
        scaled = [
            one.snr_db + decibels(self.norm, one.saved)
            for one in self.searches
            if one.snr_db is not None
        ]
        return float(np.median(scaled)) if scaled else None
