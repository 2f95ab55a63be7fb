"""What the audit of one attacked system looks at."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from espnet_mtl.data.tables import read_table
from espnet_mtl.report.cautions import BAD_WER
from espnet_mtl.report.experiment import AttackResult
from espnet_mtl.report.norms import strength
from espnet_mtl.results import attack
from espnet_mtl.results.attack_scores import Row, UttScore
from espnet_mtl.results.record import Record

Level = tuple[str | None, float]  # norm and budget


@dataclass(frozen=True)
class Evidence:
    """What is known of one attack on one system.

    Attributes:
        result: Its scores: what the recipe's decoder heard in the audio on the disk.
        run: What was tried; ``None`` where the attack's directory is gone.
        records: What the attack did to each utterance, by key; empty where they are
            gone.
        wavs: Paths of its audio by key; empty where they are gone.
        benign_wers: WER of untouched audio of every system of the comparison.
    """

    result: AttackResult
    run: attack.AttackRun | None = field(repr=False)
    records: Mapping[str, Record] = field(repr=False)
    wavs: Mapping[str, str] = field(repr=False)
    benign_wers: Mapping[str, float]

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
        wer = self.result.clean.benign_wer
        if wer is None or wer <= BAD_WER:
            return ""
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


def read_evidence(result: AttackResult, benign_wers: Mapping[str, float]) -> Evidence:
    """Read what an attack left beside its scores; parts of it may be gone.

    Raises:
        UserError: If a file is damaged.
    """
    folder = result.attack_dir
    has_run = (folder / attack.ATTACK_NAME).is_file()
    has_wavs = (folder / "wav.scp").is_file()
    return Evidence(
        result=result,
        run=attack.read_attack_run(folder) if has_run else None,
        records=result.records,
        wavs=read_table(folder / "wav.scp") if has_wavs else {},
        benign_wers=benign_wers,
    )
