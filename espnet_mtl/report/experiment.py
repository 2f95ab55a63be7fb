"""What one experiment's directory holds: scores, confusions, training curves."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from espnet_mtl.errors import UserError
from espnet_mtl.report.curves import read_curves

Row = Mapping[str, Any]

# Attacks that nobody reports as such, in results that do not say so.
_ROLES = {
    **dict.fromkeys(("none", "noise", "gaussian", "shuffled"), "control"),
    "unbounded": "audit",
}


@dataclass(frozen=True)
class AttackResult:
    """Scores of one decoding of one attacked set.

    Attributes:
        folder: The decoding's directory.
        exp: Directory of the experiment.
        set_name: Name of the attacked set.
        attack_tag: Name of the attack's directory in the experiment.
        rows: Lines of ``results.json``, with ``"set"`` added; ``"also"``: other
            attackers that are the same one for this system; and ``"role"``: ``main``,
            ``control``, or ``audit`` for what only checks the attack.
        scores: Lines of ``utt_scores.jsonl``: condition -> utterance -> line.
    """

    folder: Path
    exp: Path
    set_name: str
    attack_tag: str
    rows: Sequence[Row]
    scores: Mapping[str, Mapping[str, Row]] = field(repr=False)

    @property
    def system(self) -> str:
        """Name of the system."""
        return self.rows[0]["system"]

    @property
    def seed(self) -> int:
        """Seed of the training."""
        return self.rows[0]["seed"]

    @property
    def decoder(self) -> str:
        """Tag of the decoding."""
        return self.rows[0]["decoder"]

    @property
    def attack_dir(self) -> Path:
        """The attacked audio as a data directory."""
        return self.exp / self.attack_tag / self.set_name

    def lines_of(self, row: Row) -> Mapping[str, Row]:
        """Lines of a row's condition, by utterance; only those that count."""
        lines = self.scores.get(row["condition"], {})
        return {utt: line for utt, line in lines.items() if line["feasible"]}


@dataclass(frozen=True)
class CleanScore:
    """Word errors of one decoded set of untouched audio, in percent."""

    set_name: str
    decoder: str
    utterances: int
    wer: float


@dataclass(frozen=True)
class Confusion:
    """Accents of one decoded set: rows true, columns recognised."""

    set_name: str
    decoder: str
    accents: Sequence[str]
    counts: Sequence[Sequence[int]]

    @property
    def accuracy(self) -> float | None:
        """Percent recognised; ``None`` without any labelled utterance."""
        total = sum(map(sum, self.counts))
        right = sum(row[place] for place, row in enumerate(self.counts))
        return 100 * right / total if total else None


@dataclass(frozen=True)
class Experiment:
    """One trained system with what was measured of it.

    Attributes:
        path: Its directory.
        system: Its name.
        attacks: Its attacked decodings; empty where none is scored.
        clean: Its word errors in untouched audio, on whole sets.
        confusions: Accents recognised in untouched audio.
        curves: ``"valid.loss"`` and so on -> epoch -> value.
    """

    path: Path
    system: str
    attacks: Sequence[AttackResult]
    clean: Sequence[CleanScore]
    confusions: Sequence[Confusion]
    curves: Mapping[str, Mapping[int, float]] = field(repr=False)

    @property
    def is_empty(self) -> bool:
        """Whether nothing was found."""
        return not (self.attacks or self.clean or self.confusions or self.curves)


def read_experiment(path: Path) -> Experiment:
    """Read an experiment's directory.

    Args:
        path: The directory (``asr_exp``).

    Returns:
        What is there; parts that were not run are empty.

    Raises:
        UserError: If the directory is missing or a file in it is damaged.
    """
    if not path.is_dir():
        raise UserError(f"--exp {path}: no such directory; stage 11 makes it.")
    attacks = [
        _read_attack(path, file)
        for file in sorted(path.glob("*/*/score_attack/results.json"))
    ]
    confusions = [
        _read_confusion(file)
        for file in sorted(path.glob("*/*/score_accent/confusion.json"))
    ]
    clean = [
        _read_clean(file) for file in sorted(path.glob("*/*/score_wer/result.txt"))
    ]
    attacked = {attack.folder.parent.name for attack in attacks}
    return Experiment(
        path=path,
        system=attacks[0].system if attacks else path.name.removeprefix("asr_mtl_"),
        attacks=attacks,
        clean=[item for item in clean if item.decoder not in attacked],
        confusions=[item for item in confusions if item.decoder not in attacked],
        curves=read_curves(path),
    )


def read_experiments(paths: Iterable[Path]) -> list[Experiment]:
    """Read several experiments.

    Args:
        paths: Their directories.

    Raises:
        UserError: If there is nothing to report at all, or if two directories hold
            the same results of one system.
    """
    experiments = [read_experiment(path) for path in paths]
    if all(experiment.is_empty for experiment in experiments):
        looked = "\n".join(
            f"  {experiment.path}/*/*/score_attack/results.json (stage 17), "
            f"*/*/score_wer/result.txt (stage 13), train*.log (stage 11)"
            for experiment in experiments
        )
        raise UserError(f"no results found; looked for\n{looked}\nRun those stages.")
    seen: dict[tuple, Path] = {}
    for attack in (a for experiment in experiments for a in experiment.attacks):
        key = (
            attack.system,
            attack.seed,
            attack.set_name,
            attack.attack_tag,
            attack.decoder,
        )
        if key in seen:
            raise UserError(
                f"{seen[key]} and {attack.folder} both hold system '{attack.system}' "
                f"with seed {attack.seed}; leave one --exp out, or name them apart "
                "by --system_name and repeat stage 17."
            )
        seen[key] = attack.folder
    return experiments


def _read_attack(exp: Path, file: Path) -> AttackResult:
    folder = file.parent.parent
    rows = _read_json(file)
    if not isinstance(rows, list) or not rows:
        raise UserError(f"{file}: holds no rows; repeat stage 17.")
    needed = ("system", "seed", "decoder", "condition", "attack", "attacker", "norm")
    needed += ("budget", "n", "benign_wer", "null_twer", "adv_twer", "adv_wer")
    for row in rows:
        missing = [name for name in needed if name not in row]
        if missing:
            raise UserError(f"{file}: a row lacks {missing[0]!r}; repeat stage 17.")
    scores: dict[str, dict[str, Row]] = {}
    lines = folder / "score_attack" / "utt_scores.jsonl"
    for line in _read_json_lines(lines):
        scores.setdefault(line["condition"], {})[line["utt"]] = line
    tag = folder.parent.name.removeprefix(f"{rows[0]['decoder']}_")
    conditions = _read_conditions(exp / tag / folder.name / "conditions.json")
    return AttackResult(
        folder=folder,
        exp=exp,
        set_name=folder.name,
        attack_tag=tag,
        rows=[{**row, "set": folder.name, **_about(row, conditions)} for row in rows],
        scores=scores,
    )


def _read_conditions(path: Path) -> dict[str, Row]:
    """Read the attack's conditions by name; the attacked audio may be gone."""
    if not path.is_file():
        return {}
    return {line["name"]: line for line in _read_json(path)}


def _about(row: Row, conditions: Mapping[str, Row]) -> Row:
    """What the attack knows of a row's condition, and its score does not tell."""
    condition = conditions.get(row["condition"], {})
    role = condition.get("role") or _ROLES.get(row["attack"], "main")
    return {"also": condition.get("also", []), "role": role}


def _read_clean(file: Path) -> CleanScore:
    """Read the ``Sum/Avg`` row, in the columns of ``sclite``."""
    folder = file.parent.parent
    for line in file.read_text(encoding="utf-8").splitlines():
        if "Sum/Avg" in line:
            cells = line.partition("Sum/Avg")[2].replace("|", " ").split()
            # Sentences, words, then Corr Sub Del Ins Err
            if len(cells) >= 7:
                return CleanScore(
                    folder.name, folder.parent.name, int(cells[0]), float(cells[6])
                )
    raise UserError(f"{file}: has no row 'Sum/Avg'; repeat stage 13.")


def _read_confusion(file: Path) -> Confusion:
    table = _read_json(file)
    folder = file.parent.parent
    return Confusion(
        set_name=folder.name,
        decoder=folder.parent.name,
        accents=table["accents"],
        counts=table["counts"],
    )


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UserError(
            f"{path}: damaged ({error}); repeat the scoring that made it (stage 13 "
            "for accents, stage 17 for attacks)."
        ) from error


def _read_json_lines(path: Path) -> list[Row]:
    if not path.exists():
        raise UserError(f"{path}: missing beside results.json; repeat stage 17.")
    lines = path.read_text(encoding="utf-8").splitlines()
    rows = []
    for number, line in enumerate(lines, start=1):
        try:
            rows.append(json.loads(line))
        except ValueError as error:
            raise UserError(
                f"{path}:{number}: damaged ({error}); repeat stage 17."
            ) from error
    return rows
