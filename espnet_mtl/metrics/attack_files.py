"""Reading what an attack wrote, beside its data directory's tables."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from espnet_mtl.data.datadir import load_data_dir
from espnet_mtl.errors import UserError

_TABLES = (
    "wav.scp",
    "text",
    "text_target",
    "utt2spk",
    "utt2accent",
    "utt2orig",
    "utt2cond",
)


@dataclass(frozen=True)
class Attack:
    """What is known of attacked audio before it is decoded.

    Attributes:
        path: The attack's output directory.
        tables: Its tables by name; keys are ``<utterance>-<condition>``.
        conditions: Lines of ``conditions.json`` by condition, in their order.
        records: Lines of ``records.jsonl`` by key.
        seconds: Seconds the attack took, by condition.
        records_sha256: Hash of ``records.jsonl``: it names this run of the attack.
    """

    path: Path
    tables: dict[str, dict[str, str]]
    conditions: dict[str, dict]
    records: dict[str, dict]
    seconds: dict[str, float]
    records_sha256: str

    def keys_of(self, condition: str) -> dict[str, str]:
        """Return the keys of one condition, by utterance."""
        return {
            self.tables["utt2orig"][key]: key
            for key, name in self.tables["utt2cond"].items()
            if name == condition
        }

    @property
    def clean(self) -> str:
        """Name of the condition without any perturbation."""
        return next(n for n, c in self.conditions.items() if c["attack"] == "none")


def read_attack(path: Path) -> Attack:
    """Read an attack's output directory.

    Args:
        path: The directory.

    Returns:
        Its contents.

    Raises:
        UserError: If a file is missing or damaged, files do not fit together, or there
            is no condition without perturbation to compare with.
    """
    tables = load_data_dir(path, _TABLES)
    conditions = {c["name"]: c for c in _read_json(path / "conditions.json")}
    attack = Attack(
        path=path,
        tables=tables,
        conditions=conditions,
        records={r["key"]: r for r in _read_json_lines(path / "records.jsonl")},
        seconds=_read_json(path / "seconds.json"),
        records_sha256=_hash(path / "records.jsonl"),
    )
    _check(attack)
    return attack


def _check(attack: Attack) -> None:
    path, utt2cond = attack.path, attack.tables["utt2cond"]
    if all(c["attack"] != "none" for c in attack.conditions.values()):
        raise UserError(
            f"{path / 'conditions.json'}: no condition with attack 'none'; add it to "
            "the attack's configuration and repeat stage 15"
        )
    for key, condition in utt2cond.items():
        if condition not in attack.conditions:
            raise UserError(
                f"{path / 'utt2cond'}: '{key}' has condition '{condition}', which "
                "conditions.json does not name; repeat stage 15"
            )
        if key not in attack.records:
            raise UserError(
                f"{path / 'records.jsonl'}: no record of '{key}'; repeat stage 15"
            )
    clean = attack.keys_of(attack.clean)
    for key, utt in attack.tables["utt2orig"].items():
        if utt not in clean:
            raise UserError(
                f"{path / 'utt2cond'}: '{key}' is there, but '{utt}' not in condition "
                f"'{attack.clean}'; repeat stage 15"
            )


def _read_json(path: Path):
    return _parse(path, _read(path))


def _read_json_lines(path: Path) -> Iterator[dict]:
    for number, line in enumerate(_read(path).splitlines(), start=1):
        yield _parse(f"{path}:{number}", line)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise UserError(f"{path}: no such file; run stage 15") from error


def _hash(path: Path) -> str:
    return hashlib.sha256(_read(path).encode()).hexdigest()


def _parse(place: Path | str, text: str):
    try:
        return json.loads(text)
    except ValueError as error:
        raise UserError(f"{place}: damaged ({error}); repeat stage 15") from error
