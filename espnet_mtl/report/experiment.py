"""What one experiment's directory holds: scores and training curves."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from espnet_mtl.errors import UserError
from espnet_mtl.report.curves import read_curves
from espnet_mtl.results.attack_scores import (
    ATTACK_SCORES_NAME,
    FOLDER_NAME,
    AttackScores,
    Row,
    UttScore,
    read_attack_scores,
    read_utt_scores,
)
from espnet_mtl.results.clean_scores import (
    CLEAN_SCORES_NAME,
    CleanScores,
    read_clean_scores,
)

ATTACK_PATTERN = f"*/*/{FOLDER_NAME}/{ATTACK_SCORES_NAME}"
CLEAN_PATTERN = f"*/*/{CLEAN_SCORES_NAME}"


@dataclass(frozen=True)
class AttackResult:
    """Scores of one decoding of one attacked set.

    Attributes:
        folder: The decoding's directory.
        scores: Its rows.
        utterances: What they were pooled from: trial -> utterance -> score.
    """

    folder: Path
    scores: AttackScores
    utterances: Mapping[str, Mapping[str, UttScore]] = field(repr=False)

    @property
    def rows(self) -> Sequence[Row]:
        """One row for each trial."""
        return self.scores.rows

    @cached_property
    def clean(self) -> Row:
        """The row of untouched audio."""
        return next(row for row in self.rows if row.is_untouched)

    @property
    def attack_dir(self) -> Path:
        """The attacked audio as a data directory; it may be gone."""
        return self.folder / self.scores.attack_dir

    def feasible_scores(self, row: Row) -> Mapping[str, UttScore]:
        """Scores by utterance of those whose target can be heard.

        Args:
            row: The row whose trial is asked for.
        """
        scores = self.utterances.get(row.trial, {})
        return {utt: score for utt, score in scores.items() if score.feasible}


@dataclass(frozen=True)
class Experiment:
    """One trained system with what was measured of it.

    Attributes:
        path: Its directory.
        system: Its name; that of the directory where nothing is scored.
        attacks: Its attacked decodings; empty where none is scored.
        clean: Its decodings of untouched audio, whole sets.
        curves: ``"valid.loss"`` and so on -> epoch -> value.
    """

    path: Path
    system: str
    attacks: Sequence[AttackResult]
    clean: Sequence[CleanScores]
    curves: Mapping[str, Mapping[int, float]] = field(repr=False)

    @property
    def has_accents(self) -> bool:
        """Whether recognised accents of untouched audio are scored."""
        return any(scores.accents for scores in self.clean)

    @property
    def is_empty(self) -> bool:
        """Whether nothing was found."""
        return not (self.attacks or self.clean or self.curves)


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
    attacks = [_read_attack(file.parents[1]) for file in _found(path, ATTACK_PATTERN)]
    clean = [read_clean_scores(file.parent) for file in _found(path, CLEAN_PATTERN)]
    names = [attack.scores.system for attack in attacks]
    names += [scores.system for scores in clean]
    return Experiment(
        path=path,
        system=[*names, path.name][0],
        attacks=attacks,
        clean=clean,
        curves=read_curves(path),
    )


def _found(path: Path, pattern: str) -> list[Path]:
    return sorted(path.glob(pattern))


def _read_attack(folder: Path) -> AttackResult:
    utterances: dict[str, dict[str, UttScore]] = {}
    for score in read_utt_scores(folder):
        utterances.setdefault(score.trial, {})[score.utt] = score
    return AttackResult(folder, read_attack_scores(folder), utterances)


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
            f"  {experiment.path}/{ATTACK_PATTERN} (stage 17), {CLEAN_PATTERN} "
            "(stage 13), train*.log (stage 11)"
            for experiment in experiments
        )
        raise UserError(f"no results found; looked for\n{looked}\nRun those stages.")
    seen: dict[tuple[str, int, str, str, str], Path] = {}
    for attack in (a for experiment in experiments for a in experiment.attacks):
        about = attack.scores
        key = (about.system, about.seed, about.set, about.attack_tag, about.decoder)
        if key in seen:
            raise UserError(
                f"{seen[key]} and {attack.folder} both hold system '{about.system}' "
                f"with seed {about.seed}; leave one --exp out, or name them apart "
                "by --system_name and repeat stage 17."
            )
        seen[key] = attack.folder
    return experiments
