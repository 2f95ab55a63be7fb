"""Who withstands more: the strongest attacker on each system, paired differences."""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from espnet_mtl.errors import UserError
from espnet_mtl.metrics.bootstrap import Interval, wer_difference_interval
from espnet_mtl.report.experiment import AttackResult, Experiment
from espnet_mtl.report.norms import NORM_NAMES, budget_name, strength
from espnet_mtl.results.attack_scores import Row, UttScore
from espnet_mtl.results.clean_scores import CleanScores
from espnet_mtl.results.trial import Role


@dataclass(frozen=True)
class SystemResult:
    """One system in a comparison, under attacks with one ``norm``.

    Attributes:
        label: Its name in tables.
        whole: Scores of the whole set, without an attack; ``None`` where it was not
            scored.
    """

    label: str
    norm: str | None
    result: AttackResult
    whole: CleanScores | None = None

    @property
    def system(self) -> str:
        """Name of the system."""
        return self.clean.system

    @property
    def clean(self) -> Row:
        """The row of untouched audio."""
        return self.result.clean

    @cached_property
    def attacked(self) -> list[Row]:
        """Rows of attacks with a target: what AdvTWER is about."""
        return [row for row in self._of("main") if row.words == "target"]

    @cached_property
    def untargeted(self) -> list[Row]:
        """Rows of attacks without a target: what AdvWER is about."""
        return [row for row in self._of("main") if row.words != "target"]

    @cached_property
    def controls(self) -> list[Row]:
        """Rows of other changes of the same size, for comparison: noise and so on."""
        return [row for row in self._of("control") if not row.is_untouched]

    @property
    def noise(self) -> list[Row]:
        """Rows of random noise of the same size."""
        return [row for row in self.controls if row.attack == "noise"]

    def _of(self, role: Role) -> list[Row]:
        return [row for row in self.result.of(role) if row.norm == self.norm]

    def attackers_of(self, row: Row) -> list[str]:
        """Return all names of a row's attacker: several may be the same for a system.

        Without an accent branch, for instance, ignoring it changes nothing.
        """
        names = [row.attacker or row.attack, *row.also]
        every = (*self.attacked, *self.untargeted)
        several = len({other.attack for other in every}) > 1
        of, how = (f"{row.attack} " if several else "", self._settings_apart(row))
        return [f"{of}{name}{how}" for name in names]

    def _settings_apart(self, row: Row) -> str:
        """Say what tells a row from others of the same attack, attacker and budget."""
        alike = [
            _every_setting(other)
            for other in self._of(row.role)
            if (other.attack, other.attacker, other.budget, other.words)
            == (row.attack, row.attacker, row.budget, row.words)
        ]
        apart = [
            f"{name} {value}"
            for name, value in sorted(_every_setting(row).items())
            if any(other.get(name) != value for other in alike)
        ]
        return f" ({', '.join(apart)})" if apart else ""

    def attacker_of(self, row: Row) -> str:
        """Return a row's attacker in words."""
        name, *also = self.attackers_of(row)
        return f"{name} (= {', '.join(also)})" if also else name

    @property
    def attackers(self) -> list[str]:
        """Names of all attackers, in the order of the rows."""
        names = (name for row in self.attacked for name in self.attackers_of(row))
        return list(dict.fromkeys(names))

    @property
    def has_choice(self) -> bool:
        """Whether attackers differ for this system."""
        return len({self.attacker_of(row) for row in self.attacked}) > 1

    def strongest(self, budget: float) -> Row | None:
        """Return the row with the lowest pooled AdvTWER: it came closest to the target.

        ``None`` if no attack had this budget.
        """
        rates = [
            (row.adv_twer, place)
            for place, row in enumerate(self.attacked)
            if row.budget == budget and row.adv_twer is not None
        ]
        return self.attacked[min(rates)[1]] if rates else None


@dataclass(frozen=True)
class Group:
    """Systems that can be compared: one set, one attack, one norm, one seed."""

    set_name: str
    attack_tag: str
    seed: int
    norm: str | None
    systems: Sequence[SystemResult]

    @cached_property
    def budgets(self) -> list[float]:
        """Budgets of the attacks, from weak to strong."""
        found = {row.budget for system in self.systems for row in system.attacked}
        return sorted(found, key=lambda budget: strength(self.norm, budget))

    @property
    def has_figures(self) -> bool:
        """Whether any utterance counts for any targeted attack."""
        return any(system.strongest(b) for b in self.budgets for system in self.systems)

    @property
    def title(self) -> str:
        """The group in words."""
        norm = f", {NORM_NAMES.get(self.norm, self.norm)}" if self.norm else ""
        return f"set {self.set_name}, {self.attack_tag}{norm}, seed {self.seed}"

    @property
    def attackers(self) -> list[str]:
        """All attackers on any system."""
        every = (name for system in self.systems for name in system.attackers)
        return list(dict.fromkeys(every))

    @property
    def speakers(self) -> set[str]:
        """Speakers of the attacked utterances that count, on any system."""
        return {
            score.spk
            for system in self.systems
            for score in system.result.feasible_scores(system.clean).values()
        }

    def budget_name(self, budget: float) -> str:
        """Return a budget with its unit."""
        return budget_name(self.norm, budget)

    def find(
        self, system: str, like: SystemResult | None = None
    ) -> SystemResult | None:
        """Find a system by its name; of several decoders, prefer that of ``like``."""
        found = [one for one in self.systems if one.system == system]
        if like is not None:
            decoder = like.clean.decoder
            found.sort(key=lambda one: one.clean.decoder != decoder)
        return found[0] if found else None


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


def make_groups(experiments: Sequence[Experiment]) -> list[Group]:
    """Sort results into groups that can be compared; none if nothing was attacked."""
    groups: dict[tuple[str, str, int, str | None], list[AttackResult]] = {}
    wholes = {
        result.folder: experiment.find_clean(result.clean)
        for experiment in experiments
        for result in experiment.attacks
    }
    for result in (one for experiment in experiments for one in experiment.attacks):
        about, tag = result.clean, result.scores.attack_tag
        norms = {row.norm for row in result.of("main")}
        for norm in sorted(norms, key=str) or [None]:
            key = (about.set, tag, about.seed, norm)
            groups.setdefault(key, []).append(result)
    return [
        Group(
            set_name,
            tag,
            seed,
            norm,
            [
                SystemResult(system_label(one, results), norm, one, wholes[one.folder])
                for one in results
            ],
        )
        for (set_name, tag, seed, norm), results in groups.items()
    ]


def system_label(result: AttackResult, compared: Sequence[AttackResult]) -> str:
    """Name a system in tables; with its decoder, if several decoders are compared."""
    about = result.clean
    same = [one for one in compared if one.clean.system == about.system]
    return about.system if len(same) == 1 else f"{about.system} ({about.decoder})"


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
    """Check that attacks that both systems faced were as strong for both.

    Raises:
        UserError: If the attacks of these rows had other settings, or are of another
            version.
    """
    versions = {one.result.scores.attack_version: one for one in (first, second)}
    if len(versions) > 1:
        older = versions[min(versions)]
        raise UserError(
            f"{older.label} was attacked by an older version of espnet_mtl's attacks "
            f"({older.result.attack_dir}), which may have found less. Repeat its "
            "stages 15 to 17."
        )
    for attack in dict.fromkeys(row.attack for row in rows):
        one, other = (
            {_settings_of(row) for row in every if row.attack == attack}
            for every in (rows, other_rows)
        )
        if one and other and one != other:
            raise UserError(
                f"{first.label} was attacked with {' and '.join(sorted(one))}, but "
                f"{second.label} with {' and '.join(sorted(other))} "
                f"({first.result.attack_dir}, {second.result.attack_dir}): a weaker "
                "attack would look like robustness. Repeat stages 15 to 17 of one of "
                "them."
            )


def _settings_of(row: Row) -> str:
    """Settings of an attack, without what depends on the system.

    That is who attacks, and which other models a transfer attack starts from.
    """
    members: list[dict[str, Any]] = []
    for member in row.members:
        about = {"attack": member.attack, **_independent(member.settings)}
        if about not in members:
            members.append(about)
    settings = {"members": members, **_independent(row.settings)}
    if row.suite is not None:
        settings |= {"version": row.suite, "doubled": row.doubled}
    return json.dumps(settings, sort_keys=True)


def _every_setting(row: Row) -> dict[str, Any]:
    """Settings of a row and of its attack; of a suite, those of the suite alone."""
    own = row.members[0].settings if len(row.members) == 1 else {}
    return {**_independent(row.settings), **_independent(own)}


OF_THE_SYSTEM = ("sources", "attacker")
"""Settings of attacks that depend on the attacked system, and so may differ."""


def _independent(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: value for name, value in settings.items() if name not in OF_THE_SYSTEM
    }


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
