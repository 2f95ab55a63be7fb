"""What the audit of one attacked system looks at."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from espnet_mtl.attack.kinds import kind_of
from espnet_mtl.data.tables import read_table
from espnet_mtl.errors import UserError
from espnet_mtl.report.experiment import AttackResult, Row
from espnet_mtl.report.norms import strength

Level = tuple[str | None, float]  # norm and budget


@dataclass(frozen=True)
class Evidence:
    """What is known of one attack on one system.

    Attributes:
        result: Its scores: what the recipe's decoder heard in the audio on the disk.
        conditions: Lines of the attack's ``conditions.json``, by name.
        records: Lines of its ``records.jsonl``, by key.
        decoder: What its ``decoder.json`` says of the attacked decoder; ``None`` where
            there is none.
        wavs: Its ``wav.scp``: path by key.
        benign_wers: WER of untouched audio of every system of the comparison.
    """

    result: AttackResult
    conditions: Mapping[str, Row] = field(repr=False)
    records: Mapping[str, Row] = field(repr=False)
    decoder: Row | None
    wavs: Mapping[str, str] = field(repr=False)
    benign_wers: Mapping[str, float]

    @cached_property
    def clean(self) -> Row | None:
        """The row of untouched audio."""
        rows = [row for row in self.result.rows if row["attack"] == "none"]
        return rows[0] if rows else None

    @property
    def untouched(self) -> Mapping[str, Row]:
        """Scores of untouched audio by utterance, whatever its target."""
        return self.result.scores.get(self.clean["condition"], {}) if self.clean else {}

    @cached_property
    def main(self) -> list[Row]:
        """Rows of the attacks that are reported."""
        return [row for row in self.result.rows if row["role"] == "main"]

    @cached_property
    def targeted(self) -> list[Row]:
        """Those among them that want a target to be heard."""
        return [row for row in self.main if self._words(row) == "target"]

    def _words(self, row: Row) -> str:
        return self.conditions.get(row["condition"], {}).get("words", "target")

    @cached_property
    def levels(self) -> list[Level]:
        """Norms and budgets of the targeted attacks, from weak to strong."""
        found = {(row["norm"], row["budget"]) for row in self.targeted}
        return sorted(found, key=lambda level: (str(level[0]), strength(*level)))

    def targeted_at(self, level: Level) -> list[Row]:
        """Targeted attacks of one norm and budget."""
        return [row for row in self.targeted if _level(row) == level]

    def controls_at(self, level: Level) -> list[Row]:
        """Controls of one norm and budget."""
        return [
            row
            for row in self.result.rows
            if row["role"] == "control" and _level(row) == level
        ]

    def feasible(self, row: Row) -> Iterator[tuple[Row, Row]]:
        """Utterances of a row whose target can be reached: score and record.

        Args:
            row: The row.

        Yields:
            Line of ``utt_scores.jsonl``, and the attack's record, empty where it is
            gone.
        """
        for line in self.result.lines_of(row).values():
            yield line, self.records.get(line["key"], {})

    def attackers_of(self, row: Row) -> Sequence[Row]:
        """Who is behind a row: a suite's members, or one attacker.

        Args:
            row: The row.

        Returns:
            ``attack``, ``attacker``, ``kind`` and ``weights`` of each, without
            ``weights`` where nothing is known of them.
        """
        condition = self.conditions.get(row["condition"], {})
        settings = condition.get("settings") or row.get("settings") or {}
        if "members" in settings:
            return settings["members"]
        about = {name: row[name] for name in ("attack", "attacker")}
        if "weights" in condition:
            about["weights"] = condition["weights"]
        return [{**about, "kind": kind_of(row["attack"])}]


def _level(row: Row) -> Level:
    return row["norm"], row["budget"]


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
    conditions = _read_json(folder / "conditions.json") or []
    scp = folder / "wav.scp"
    return Evidence(
        result=result,
        conditions={line["name"]: line for line in conditions},
        records={line["key"]: line for line in _read_lines(folder / "records.jsonl")},
        decoder=_read_json(folder / "decoder.json"),
        wavs=read_table(scp) if scp.is_file() else {},
        benign_wers=benign_wers,
    )


def _read_json(path: Path) -> Any:
    return _parse(path, path.read_text(encoding="utf-8")) if path.is_file() else None


def _read_lines(path: Path) -> Iterator[Row]:
    if path.is_file():
        lines = path.read_text(encoding="utf-8").splitlines()
        for number, line in enumerate(lines, start=1):
            yield _parse(f"{path}:{number}", line)


def _parse(place: Path | str, text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise UserError(f"{place}: damaged ({error}); repeat stage 15.") from error
