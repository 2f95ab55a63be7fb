"""What the audit of one attacked system looks at."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from espnet_mtl.data.tables import read_table
from espnet_mtl.report.experiment import AttackResult
from espnet_mtl.report.norms import strength
from espnet_mtl.results import attack
from espnet_mtl.results.attack_scores import Row, UttScore
from espnet_mtl.results.clean_scores import CleanScores
from espnet_mtl.results.record import Record
from espnet_mtl.results.trial import Member

# Ends of the names of systems with an accent branch; without it, that of the twin. In
# the second kind it learns from shuffled accents, that is, nothing: a control.
ACCENT_SUFFIXES = ("_accent", "_shuffled")
LEAST_STEPS = 10
Pairs = Sequence[tuple[str, str]]  # of names of systems
Level = tuple[str | None, float]  # norm and budget


@dataclass(frozen=True)
class Evidence:
    """What is known of one attack on one system.

    Attributes:
        label: The system's name in tables.
        result: Its scores: what the recipe's decoder heard in the audio on the disk.
        run: What was tried; ``None`` where the attack's directory is gone.
        records: What the attack did to each utterance, by key; empty where they are
            gone.
        whole_wer: WER of the whole set without an attack (stage 13), in percent;
            ``None`` where it is not scored.
        compared: What is known of the systems with figures that it is compared with.
        twin: The one of them that differs by the accent branch alone, if there is one.
    """

    label: str
    result: AttackResult
    run: attack.AttackRun | None = field(repr=False)
    records: Mapping[str, Record] = field(repr=False)
    whole_wer: float | None
    compared: "tuple[Evidence, ...]" = field(default=(), repr=False)
    twin: "Evidence | None" = field(default=None, repr=False)

    @property
    def system(self) -> str:
        """Name of the system."""
        return self.result.clean.system

    @property
    def decoder(self) -> str:
        """Tag of the decoding."""
        return self.result.clean.decoder

    @property
    def untouched(self) -> Mapping[str, UttScore]:
        """Scores of untouched audio by utterance, whatever its target."""
        return self.result.scores_of(self.result.clean)

    @property
    def is_suite(self) -> bool:
        """Whether a suite, such as the standard attack, was run."""
        return any(row.suite is not None for row in self.result.rows)

    @property
    def bad_recogniser(self) -> str:
        """Say that the recogniser is a bad one, attacked or not; empty if it is not."""
        if not self.result.hears_nothing:
            return ""
        wer = self.result.clean.benign_wer
        return (
            f"Without any attack, the recogniser itself has a WER of {wer:.0f} %: one "
            "that does not follow what is said need not follow an attack either. This "
            "says nothing about the attack, nor about robustness; train the recogniser "
            "first."
        )

    @cached_property
    def targeted(self) -> list[Row]:
        """Rows of the reported attacks that have a target."""
        return [row for row in self.result.of("main") if row.words == "target"]

    @cached_property
    def levels(self) -> list[Level]:
        """Norms and budgets of the targeted attacks, from weak to strong."""
        found = {(row.norm, row.budget) for row in self.targeted}
        return sorted(found, key=lambda level: (str(level[0]), strength(*level)))

    def read_wavs(self) -> Mapping[str, str]:
        """Read the paths of its audio by key; empty where they are gone."""
        path = self.result.attack_dir / "wav.scp"
        return read_table(path) if path.is_file() else {}

    def targeted_at(self, level: Level) -> list[Row]:
        """Return the targeted attacks of one norm and budget."""
        return [row for row in self.targeted if (row.norm, row.budget) == level]

    def controls_at(self, level: Level) -> list[Row]:
        """Return the controls of one norm and budget."""
        controls = self.result.of("control")
        return [row for row in controls if (row.norm, row.budget) == level]

    def feasible(self, row: Row) -> Iterator[tuple[UttScore, Record | None]]:
        """Yield each utterance whose target can be heard; the record may be gone."""
        for score in self.result.feasible_scores(row).values():
            yield score, self.records.get(score.key)


def follows_loss(member: Member) -> bool:
    """Whether an attack goes where gradients lead, in ``LEAST_STEPS`` or more.

    What takes fewer is no attack that follows a loss: a single step on the right one
    would stand for many on another.
    """
    named = member.settings
    found = named.get("steps", named.get("first_steps", named.get("epochs", 1)))
    steps = int(found) if isinstance(found, int) else sum(found)
    return member.kind == "white_box" and steps >= LEAST_STEPS


def is_broken(score: UttScore, record: Record | None) -> bool:
    """Whether the attack has broken an utterance, then or with a smaller budget."""
    attempts = record.attempts if record else None
    was_broken = attempts is not None and not attempts
    return score.success or was_broken or any(one.success for one in attempts or ())


@dataclass(frozen=True)
class AttackedSystem:
    """An attack on one system of a comparison.

    Attributes:
        label: The system's name in tables.
        result: The attack's scores.
        clean: Scores of untouched audio, whole sets.
    """

    label: str
    result: AttackResult
    clean: Sequence[CleanScores] = field(repr=False)


def read_evidence(
    attacked: Sequence[AttackedSystem], baselines: Sequence[str], pairs: Pairs = ()
) -> list[Evidence]:
    """Read what attacks left beside their scores; parts of it may be gone.

    Args:
        attacked: All systems of a comparison.
        baselines: Names of those that every system is compared with.
        pairs: Names of others that are compared.

    Raises:
        UserError: If a file is damaged.
    """
    alone = [_read_alone(one) for one in attacked]
    found = []
    for one in alone:
        others = [
            other for other in alone if other is not one and not other.result.is_empty
        ]
        named = [two for two in others if _are_compared(one, two, baselines, pairs)]
        twins = [two for two in others if _are_twins(one, two)]
        # Of several decodings, that by the same decoder
        twins.sort(key=lambda two: two.decoder != one.decoder)
        found.append(
            replace(
                one,
                # Where no name says it, all stand side by side.
                compared=tuple(named or others),
                twin=twins[0] if twins else None,
            )
        )
    return found


def _are_compared(
    one: Evidence, other: Evidence, baselines: Sequence[str], pairs: Pairs
) -> bool:
    names = (one.system, other.system)
    is_pair = names in pairs or names[::-1] in pairs
    is_kin = stem_of(one.system) == stem_of(other.system)
    return is_pair or is_kin or not {*names}.isdisjoint(baselines)


def stem_of(system: str) -> str:
    """Return the name of a system as it is without an accent branch."""
    for suffix in ACCENT_SUFFIXES:
        system = system.removesuffix(suffix)
    return system


def _are_twins(one: Evidence, other: Evidence) -> bool:
    names = sorted((one.system, other.system), key=len)
    return names[1] in [names[0] + suffix for suffix in ACCENT_SUFFIXES]


def _read_alone(attacked: AttackedSystem) -> Evidence:
    result = attacked.result
    folder, about = result.attack_dir, result.clean
    has_run = (folder / attack.ATTACK_NAME).is_file()
    wers = [
        scores.errors["wer"].rate
        for scores in attacked.clean
        if (scores.set, scores.decoder) == (about.set, about.decoder)
    ]
    return Evidence(
        label=attacked.label,
        result=result,
        run=attack.read_attack_run(folder) if has_run else None,
        records=result.records,
        whole_wer=wers[0] if wers else None,
    )
