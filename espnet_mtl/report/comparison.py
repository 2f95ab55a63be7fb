"""Who withstands more: the strongest attacker on each system, paired differences."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from espnet_mtl.errors import UserError
from espnet_mtl.metrics.bootstrap import wer_difference_interval
from espnet_mtl.report.experiment import AttackResult, Experiment, Row
from espnet_mtl.report.norms import NORM_NAMES, budget_name, strength


@dataclass(frozen=True)
class Entry:
    """One system in a comparison.

    Attributes:
        label: Name in tables.
        norm: What bounds the attack: ``linf``, ``l2`` or ``snr``.
        result: Its scores.
    """

    label: str
    norm: str | None
    result: AttackResult

    @property
    def system(self) -> str:
        """Name of the system."""
        return self.result.system

    @cached_property
    def clean(self) -> Row | None:
        """The row of untouched audio."""
        rows = [row for row in self.result.rows if row["attack"] == "none"]
        return rows[0] if rows else None

    @cached_property
    def attacked(self) -> list[Row]:
        """Rows of attacks with a target: what AdvTWER is about."""
        return [row for row in self._main if row.get("words", "target") == "target"]

    @cached_property
    def untargeted(self) -> list[Row]:
        """Rows of attacks that wish something else than a target: AdvWER tells them."""
        return [row for row in self._main if row not in self.attacked]

    @cached_property
    def _main(self) -> list[Row]:
        """Rows of real attacks, without controls and what is for the audit only."""
        return [
            row
            for row in self.result.rows
            if row["role"] == "main" and row["norm"] == self.norm
        ]

    @cached_property
    def controls(self) -> list[Row]:
        """Rows of what changes the audio as much, but is no attack."""
        return [
            row
            for row in self.result.rows
            if row["role"] == "control"
            and row["attack"] != "none"
            and row["norm"] == self.norm
        ]

    @property
    def noise(self) -> list[Row]:
        """Rows of random noise of the same size."""
        return [row for row in self.controls if row["attack"] == "noise"]

    @property
    def audited(self) -> list[Row]:
        """Rows of what only checks the attack, of any norm."""
        return [row for row in self.result.rows if row["role"] == "audit"]

    def attackers_of(self, row: Row) -> list[str]:
        """All names of a row's attacker: several may be the same for this system.

        Without an accent branch, for instance, ignoring it changes nothing.
        """
        names = [row["attacker"] or row["attack"], *row["also"]]
        several = len({other["attack"] for other in self.attacked}) > 1
        return [f"{row['attack']} {name}" if several else name for name in names]

    def attacker_of(self, row: Row) -> str:
        """A row's attacker in words."""
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

    @property
    def speakers(self) -> set[str]:
        """Speakers of the attacked utterances that count."""
        lines = self.result.lines_of(self.clean) if self.clean else {}
        return {line["spk"] for line in lines.values()}

    def strongest(self, budget: float) -> Row | None:
        """The attacker that came closest to its target: the lowest pooled AdvTWER.

        Args:
            budget: The budget.

        Returns:
            Its row; ``None`` if no attack had this budget.
        """
        rows = [row for row in self.attacked if row["budget"] == budget]
        rows = [row for row in rows if row["adv_twer"] is not None]
        return min(rows, key=lambda row: row["adv_twer"]) if rows else None


@dataclass(frozen=True)
class Group:
    """Systems that can be compared: one set, one attack, one norm, one seed."""

    set_name: str
    attack_tag: str
    seed: int
    norm: str | None
    entries: Sequence[Entry]

    @cached_property
    def budgets(self) -> list[float]:
        """Budgets of the attacks, from weak to strong."""
        found = {row["budget"] for entry in self.entries for row in entry.attacked}
        return sorted(found, key=lambda budget: strength(self.norm, budget))

    @property
    def title(self) -> str:
        """The group in words."""
        norm = f", {NORM_NAMES.get(self.norm, self.norm)}" if self.norm else ""
        return f"set {self.set_name}, {self.attack_tag}{norm}, seed {self.seed}"

    @property
    def attackers(self) -> list[str]:
        """All attackers on any system."""
        return list(dict.fromkeys(n for entry in self.entries for n in entry.attackers))

    def budget_name(self, budget: float) -> str:
        """A budget with its norm."""
        return budget_name(self.norm, budget)

    def find(self, system: str, like: Entry | None = None) -> Entry | None:
        """Find a system.

        Args:
            system: Its name.
            like: Of several decoders, prefer that of this entry.

        Returns:
            The entry; ``None`` if the system is not there.
        """
        found = [entry for entry in self.entries if entry.system == system]
        if like is not None:
            decoder = like.result.decoder
            found.sort(key=lambda entry: entry.result.decoder != decoder)
        return found[0] if found else None


@dataclass(frozen=True)
class Difference:
    """AdvTWER of one system minus that of another, in points.

    Attributes:
        value: The difference; above 0 the first system is harder to attack.
        low: Lower end of the 95 % interval.
        high: Upper end.
        attackers: The strongest attacker on the first and on the second system.
        utterances: Number of pairs.
        speakers: Number of speakers, the units of the bootstrap.
    """

    value: float
    low: float
    high: float
    attackers: tuple[str, str]
    utterances: int
    speakers: int


def make_groups(experiments: Sequence[Experiment]) -> list[Group]:
    """Sort results into groups that can be compared.

    Args:
        experiments: The experiments, in the order of the tables.

    Returns:
        Groups; none where nothing has been attacked.
    """
    results = [attack for experiment in experiments for attack in experiment.attacks]
    keys: dict[tuple, list[AttackResult]] = {}
    for result in results:
        norms = {row["norm"] for row in result.rows if row["role"] == "main"}
        for norm in sorted(norms, key=str) or [None]:
            key = (result.set_name, result.attack_tag, result.seed, norm)
            keys.setdefault(key, []).append(result)
    groups = []
    for (set_name, tag, seed, norm), members in keys.items():
        entries = [
            Entry(system_label(result, members), norm, result) for result in members
        ]
        groups.append(Group(set_name, tag, seed, norm, entries))
    return groups


def system_label(result: AttackResult, members: Sequence[AttackResult]) -> str:
    """Name a system in tables.

    Args:
        result: Its scores.
        members: Those of all systems of the comparison.

    Returns:
        The system's name; with the decoder's, where there are several decoders.
    """
    same = [member for member in members if member.system == result.system]
    return result.system if len(same) == 1 else f"{result.system} ({result.decoder})"


def compare(first: Entry, second: Entry, budget: float) -> Difference | None:
    """Difference of AdvTWER, each system under its strongest attacker.

    Pairs are the utterances that both systems were attacked on. The interval is that
    of a bootstrap over speakers: it covers the choice of speakers and utterances, not
    that of the training's seed.

    Args:
        first: The system that is claimed to be harder to attack.
        second: What it is compared with.
        budget: Budget of the attacks.

    Returns:
        The difference; ``None`` if one of them was not attacked with this budget, or
        they have no utterance in common.
    """
    rows = [entry.strongest(budget) for entry in (first, second)]
    if rows[0] is None or rows[1] is None:
        return None
    _check_settings(first, second, budget)
    scores = [
        entry.result.lines_of(row)
        for entry, row in zip((first, second), rows, strict=True)
    ]
    common = sorted(scores[0].keys() & scores[1].keys())
    if not common:
        return None
    _check_targets(first, second, [(scores[0][u], scores[1][u]) for u in common])
    speakers = [scores[0][utt]["spk"] for utt in common]
    interval = wer_difference_interval(
        [scores[0][utt]["edits_target"] for utt in common],
        [scores[1][utt]["edits_target"] for utt in common],
        [scores[0][utt]["words_target"] for utt in common],
        speakers,
    )
    return Difference(
        value=interval.estimate,
        low=interval.low,
        high=interval.high,
        attackers=(first.attacker_of(rows[0]), second.attacker_of(rows[1])),
        utterances=len(common),
        speakers=len(set(speakers)),
    )


def _check_settings(first: Entry, second: Entry, budget: float) -> None:
    """Check that attacks that both systems faced were as strong for both."""
    settings = [_settings_by_attack(entry, budget) for entry in (first, second)]
    for attack in settings[0].keys() & settings[1].keys():
        one, other = settings[0][attack], settings[1][attack]
        if one != other:
            raise UserError(
                f"{first.label} was attacked with {' and '.join(sorted(one))}, but "
                f"{second.label} with {' and '.join(sorted(other))} "
                f"({first.result.attack_dir}, {second.result.attack_dir}): a weaker "
                "attack would look like robustness. Repeat stages 15 to 17 of one of "
                "them."
            )


def _settings_by_attack(entry: Entry, budget: float) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for row in entry.attacked:
        if row["budget"] == budget:
            settings = _comparable(row.get("settings"))
            found.setdefault(row["attack"], set()).add(settings)
    return found


def _comparable(settings: Row | None) -> str:
    """Settings of an attack, without what depends on the system.

    That is who attacks, and which other models a transfer attack starts from.
    """
    settings = dict(settings or {})
    settings.pop("sources", None)
    if "members" in settings:
        members = [
            {
                "attack": member["attack"],
                "settings": _comparable(member.get("settings")),
            }
            for member in settings["members"]
        ]
        distinct = [m for place, m in enumerate(members) if m not in members[:place]]
        settings["members"] = distinct
    return json.dumps(settings, sort_keys=True)


def _check_targets(
    first: Entry, second: Entry, pairs: Sequence[tuple[Row, Row]]
) -> None:
    for one, other in pairs:
        if one["target"] != other["target"]:
            raise UserError(
                f"utterance {one['utt']}: {first.label} was attacked towards "
                f"'{one['target']}', but {second.label} towards '{other['target']}' "
                f"({first.result.attack_dir}, {second.result.attack_dir}); repeat "
                "stages 15 to 17 of both, with the same text_target."
            )
