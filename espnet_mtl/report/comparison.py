"""Who withstands more: the strongest attacker on each system, paired differences."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from espnet_mtl.errors import UserError
from espnet_mtl.metrics.bootstrap import Interval, wer_difference_interval
from espnet_mtl.report.attack_settings import settings_of
from espnet_mtl.report.groups import SystemResult
from espnet_mtl.results.attack_scores import Row, UttScore

_ROUNDING = 1e-9


@dataclass(frozen=True)
class Difference:
    """A figure of one system minus that of another, in points of percent.

    It is one that is larger where a system is harder to attack, such as AdvTWER.

    Attributes:
        value: The difference; above 0 the first system is harder to attack.
        low, high: The ends of its 95 % interval.
        utterances: Number of pairs.
        speakers: Number of speakers, the units of the bootstrap.
        differing: Speakers on whom the systems differ.
    """

    value: float
    low: float
    high: float
    utterances: int
    speakers: int
    differing: int


@dataclass(frozen=True)
class PairedUtts:
    """What is counted of two systems on the same utterances.

    Attributes:
        utts: The utterances, sorted.
        first, second: What is counted of each, of either system.
        totals: Of how many.
        speakers: Of each utterance.
    """

    utts: Sequence[str]
    first: Sequence[float]
    second: Sequence[float]
    totals: Sequence[int]
    speakers: Sequence[str]

    def difference(self) -> Difference:
        """Return the difference of both, by a bootstrap over speakers."""
        interval = wer_difference_interval(
            self.first, self.second, self.totals, self.speakers
        )
        return self.with_interval(interval)

    def with_interval(self, interval: Interval) -> Difference:
        """Return the difference with an interval that was found for it."""
        changes: defaultdict[str, float] = defaultdict(float)
        for one, other, speaker in zip(
            self.first, self.second, self.speakers, strict=True
        ):
            changes[speaker] += one - other
        return Difference(
            value=interval.estimate,
            low=interval.low,
            high=interval.high,
            utterances=len(self.utts),
            speakers=len(changes),
            differing=sum(abs(change) > _ROUNDING for change in changes.values()),
        )


def compare(
    first: SystemResult, second: SystemResult, budget: float
) -> Difference | None:
    """Return the difference of AdvTWER, each system under its strongest attacker.

    The interval is that of a bootstrap over speakers: it covers the choice of speakers
    and utterances, not that of the training's seed.

    Returns:
        The first system's minus the second's; ``None`` if one of them was not attacked
        with this budget, or they have no utterance in common.

    Raises:
        UserError: If the attacks had other settings or targets.
    """
    pairs = pair(first, second, budget)
    return pairs.difference() if pairs else None


def pair(first: SystemResult, second: SystemResult, budget: float) -> PairedUtts | None:
    """Pair the word errors of the utterances that both systems were attacked on.

    Returns, raises: as :func:`compare`.
    """
    row, other_row = first.strongest(budget), second.strongest(budget)
    if row is None or other_row is None:
        return None
    check_settings(
        first,
        second,
        *(
            [one for one in system.attacked if one.budget == budget]
            for system in (first, second)
        ),
    )
    scores = first.result.feasible_scores(row)
    other_scores = second.result.feasible_scores(other_row)
    common = sorted(scores.keys() & other_scores.keys())
    if not common:
        return None
    both = [(scores[utt], other_scores[utt]) for utt in common]
    check_targets(first, second, both)
    return PairedUtts(
        common,
        [one.edits_target for one, _ in both],
        [other.edits_target for _, other in both],
        [one.words_target for one, _ in both],
        [one.spk for one, _ in both],
    )


def check_alike(first: SystemResult, second: SystemResult) -> None:
    """Check that two results of one system, of two seeds, are of the same attacks.

    Raises:
        UserError: If the attacks had other settings or targets.
    """
    check_settings(first, second, first.attacked, second.attacked)
    for row in first.attacked:
        scores = first.result.scores_of(row)
        others = second.result.scores_of(row)
        pairs = ((scores[utt], others[utt]) for utt in scores.keys() & others.keys())
        check_targets(first, second, pairs)


def check_settings(
    first: SystemResult,
    second: SystemResult,
    rows: Sequence[Row],
    other_rows: Sequence[Row],
) -> None:
    """Check that two systems faced the same attacks, as strong for both.

    Raises:
        UserError: If these rows are of other attacks, or had other settings, or are of
            another version.
    """
    versions = {one.result.scores.attack_version: one for one in (first, second)}
    if len(versions) > 1:
        older = versions[min(versions)]
        raise UserError(
            f"{older.label} was attacked by an older version of espnet_mtl's attacks "
            f"({older.result.attack_dir}), which may have found less. Repeat its "
            "stages 15 to 17."
        )
    for attack in dict.fromkeys(row.attack for row in (*rows, *other_rows)):
        one, other = (
            {f"{attack} {settings_of(row)}" for row in every if row.attack == attack}
            for every in (rows, other_rows)
        )
        if rows and other_rows and one != other:
            raise UserError(
                f"{first.label} was attacked with {_either(one, rows)}, but "
                f"{second.label} with {_either(other, other_rows)} "
                f"({first.result.attack_dir}, {second.result.attack_dir}): a weaker "
                "attack would look like robustness. Repeat stages 15 to 17 of one of "
                "them."
            )


def _either(settings: set[str], rows: Sequence[Row]) -> str:
    """Name attacks by their settings; where there are none, by the names of others."""
    return " and ".join(sorted(settings or {row.attack for row in rows}))


def check_targets(
    first: SystemResult,
    second: SystemResult,
    pairs: Iterable[tuple[UttScore, UttScore]],
) -> None:
    """Check that both systems were attacked towards the same texts.

    Raises:
        UserError: If the targets of a pair differ.
    """
    for one, other in pairs:
        if one.target != other.target:
            raise UserError(
                f"utterance {one.utt}: {first.label} was attacked towards "
                f"'{one.target}', but {second.label} towards '{other.target}' "
                f"({first.result.attack_dir}, {second.result.attack_dir}); repeat "
                "stages 15 to 17 of both, with the same text_target."
            )
