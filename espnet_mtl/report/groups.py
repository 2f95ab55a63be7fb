"""Systems that can be compared: under one attack, on one set, with one seed."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from espnet_mtl.report.attack_settings import every_setting
from espnet_mtl.report.experiment import AttackResult, Experiment
from espnet_mtl.report.norms import NORM_NAMES, budget_name, strength
from espnet_mtl.results.attack_scores import Row
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

    @property
    def whole_wer(self) -> float | None:
        """WER of the whole set without an attack, if it was scored."""
        return self.whole.errors["wer"].rate if self.whole else None

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
            every_setting(other)
            for other in self._of(row.role)
            if (other.attack, other.attacker, other.budget, other.words)
            == (row.attack, row.attacker, row.budget, row.words)
        ]
        apart = [
            f"{name} {value}"
            for name, value in sorted(every_setting(row).items())
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
    """Systems that can be compared: one set, one attack, one norm, one seed.

    Attributes:
        has_other_seeds: Whether there is such a group with another seed of training.
    """

    set_name: str
    attack_tag: str
    seed: int
    norm: str | None
    systems: Sequence[SystemResult]
    has_other_seeds: bool = False

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
    seeds = Counter((set_name, tag, norm) for set_name, tag, _, norm in groups)
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
            seeds[set_name, tag, norm] > 1,
        )
        for (set_name, tag, seed, norm), results in groups.items()
    ]


def system_label(result: AttackResult, compared: Sequence[AttackResult]) -> str:
    """Name a system in tables; with its decoder, if several decoders are compared."""
    about = result.clean
    same = [one for one in compared if one.clean.system == about.system]
    return about.system if len(same) == 1 else f"{about.system} ({about.decoder})"
