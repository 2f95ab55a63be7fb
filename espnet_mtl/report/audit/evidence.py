"""What the audit of one attacked system looks at."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from espnet_mtl.data.tables import read_table
from espnet_mtl.report.experiment import AttackResult
from espnet_mtl.report.norms import strength
from espnet_mtl.results.attack import (
    ATTACK_NAME,
    RECORDS_NAME,
    AttackRun,
    read_attack_run,
    read_records,
)
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
    run: AttackRun | None = field(repr=False)
    records: Mapping[str, Record] = field(repr=False)
    wavs: Mapping[str, str] = field(repr=False)
    benign_wers: Mapping[str, float]

    @property
    def untouched(self) -> Mapping[str, UttScore]:
        """Scores of untouched audio by utterance, whatever its target."""
        return self.result.utterances.get(self.result.clean.trial, {})

    @cached_property
    def main(self) -> list[Row]:
        """Rows of the attacks that are reported."""
        return [row for row in self.result.rows if row.role == "main"]

    @cached_property
    def targeted(self) -> list[Row]:
        """Those among them that want a target to be heard."""
        return [row for row in self.main if row.words == "target"]

    @cached_property
    def levels(self) -> list[Level]:
        """Norms and budgets of the targeted attacks, from weak to strong."""
        found = {_level(row) for row in self.targeted}
        return sorted(found, key=lambda level: (str(level[0]), strength(*level)))

    def targeted_at(self, level: Level) -> list[Row]:
        """Targeted attacks of one norm and budget."""
        return [row for row in self.targeted if _level(row) == level]

    def controls_at(self, level: Level) -> list[Row]:
        """Controls of one norm and budget."""
        rows = self.result.rows
        return [row for row in rows if row.role == "control" and _level(row) == level]

    def feasible(self, row: Row) -> Iterator[tuple[UttScore, Record | None]]:
        """Go through the utterances of a row whose target can be heard.

        Args:
            row: The row.

        Yields:
            How the utterance was recognised, and the attack's record; ``None`` where
            that is gone.
        """
        for score in self.result.feasible_scores(row).values():
            yield score, self.records.get(score.key)


def _level(row: Row) -> Level:
    return row.norm, row.budget


def read_evidence(result: AttackResult, benign_wers: Mapping[str, float]) -> Evidence:
    """Read what an attack left beside its scores; parts of it may be gone.

    Args:
        result: The scores.
        benign_wers: WER of untouched audio, by system.

    Returns:
        The evidence.

    Raises:
        UserError: If a file is damaged.
    """
    folder = result.attack_dir
    is_there = {
        name: (folder / name).is_file()
        for name in (ATTACK_NAME, RECORDS_NAME, "wav.scp")
    }
    return Evidence(
        result=result,
        run=read_attack_run(folder) if is_there[ATTACK_NAME] else None,
        records=read_records(folder) if is_there[RECORDS_NAME] else {},
        wavs=read_table(folder / "wav.scp") if is_there["wav.scp"] else {},
        benign_wers=benign_wers,
    )
