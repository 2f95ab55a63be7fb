"""What one experiment's directory holds: scores and training curves."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from espnet_mtl.errors import UserError
from espnet_mtl.report.training_log import read_training_log
from espnet_mtl.results import attack_scores, clean_scores
from espnet_mtl.results.attack import RECORDS_NAME, read_records
from espnet_mtl.results.attack_scores import AttackScores, Row, UttScore
from espnet_mtl.results.clean_scores import AccentConfusion, CleanScores
from espnet_mtl.results.record import Record
from espnet_mtl.results.trial import Role

BAD_WER = 50.0
"""WER, in percent, of a recogniser that gets more than half of the words wrong."""

_ATTACK_PATTERN = f"*/*/{attack_scores.FOLDER_NAME}/{attack_scores.ATTACK_SCORES_NAME}"
_CLEAN_PATTERN = f"*/*/{clean_scores.CLEAN_SCORES_NAME}"


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

    @property
    def clean(self) -> Row:
        """The row of untouched audio."""
        return self.scores.clean

    @property
    def attack_dir(self) -> Path:
        """The attacked audio as a data directory; it may be gone."""
        return self.folder / self.scores.attack_dir

    @cached_property
    def records(self) -> Mapping[str, Record]:
        """What the attack did to each utterance, by key; empty where they are gone.

        Raises:
            UserError: If a line of them is damaged.
        """
        if not (self.attack_dir / RECORDS_NAME).is_file():
            return {}
        return read_records(self.attack_dir)

    @property
    def is_empty(self) -> bool:
        """Whether no utterance of any attack counts: no target can be reached."""
        attacked = self.of("main")
        return bool(attacked) and not any(row.n for row in attacked)

    @property
    def hears_nothing(self) -> bool:
        """Whether most words are wrong without any attack: a useless recogniser."""
        wer = self.clean.benign_wer
        return wer is not None and wer > BAD_WER

    def of(self, role: Role) -> list[Row]:
        """Return the rows of trials with one role."""
        return [row for row in self.rows if row.role == role]

    def scores_of(self, row: Row) -> Mapping[str, UttScore]:
        """Return the scores of a row's trial, by utterance."""
        return self.utterances.get(row.trial, {})

    def feasible_scores(self, row: Row) -> Mapping[str, UttScore]:
        """Return those that count: whose target can be heard, where that matters."""
        return {
            utt: one
            for utt, one in self.scores_of(row).items()
            if one.feasible or row.words != "target"
        }


@dataclass(frozen=True)
class Experiment:
    """One trained system with what was measured of it.

    Attributes:
        system: Its name; that of the directory where nothing is scored.
        attacks: Its attacked decodings, as far as they are scored.
        clean: Its decodings of untouched audio, whole sets.
        training: ``"valid.loss"`` and so on -> epoch -> value.
    """

    path: Path
    system: str
    attacks: Sequence[AttackResult]
    clean: Sequence[CleanScores]
    training: Mapping[str, Mapping[int, float]] = field(repr=False)

    @property
    def has_accents(self) -> bool:
        """Whether recognised accents of untouched audio are scored."""
        return any(scores.accents for scores in self.clean)

    def find_clean(self, attacked: Row) -> CleanScores | None:
        """Return the scores of the whole set that an attack was made on a part of."""
        place = (attacked.set, attacked.decoder)
        return next((o for o in self.clean if (o.set, o.decoder) == place), None)

    @property
    def is_empty(self) -> bool:
        """Whether nothing was found."""
        return not (self.attacks or self.clean or self.training)


def find_attacks(asr_exp: Path) -> list[Path]:
    """Find the scored decodings of attacked audio: their directories."""
    return [file.parents[1] for file in sorted(asr_exp.glob(_ATTACK_PATTERN))]


def find_clean(asr_exp: Path) -> list[Path]:
    """Find the scored decodings of untouched audio: their directories."""
    return [file.parent for file in sorted(asr_exp.glob(_CLEAN_PATTERN))]


def read_experiment(path: Path) -> Experiment:
    """Read an experiment's directory (``asr_exp``); what was not run is empty.

    Raises:
        UserError: If the directory is missing or a file in it is damaged.
    """
    if not path.is_dir():
        raise UserError(f"--exp {path}: no such directory; stage 11 makes it.")
    attacks = [_read_attack(folder) for folder in find_attacks(path)]
    clean = [clean_scores.read_clean_scores(folder) for folder in find_clean(path)]
    names = [attack.clean.system for attack in attacks]
    names += [scores.system for scores in clean]
    system = names[0] if names else path.name
    return Experiment(path, system, attacks, clean, read_training_log(path))


def _read_attack(folder: Path) -> AttackResult:
    utterances: dict[str, dict[str, UttScore]] = {}
    for score in attack_scores.read_utt_scores(folder):
        utterances.setdefault(score.trial, {})[score.utt] = score
    scores = attack_scores.read_attack_scores(folder)
    return AttackResult(folder, scores, utterances)


def read_experiments(paths: Iterable[Path]) -> list[Experiment]:
    """Read several experiments.

    Raises:
        UserError: If there is nothing to report at all, or if two directories hold
            the same results of one system.
    """
    experiments = [read_experiment(path) for path in paths]
    if all(experiment.is_empty for experiment in experiments):
        looked = "\n".join(
            f"  {experiment.path}/{_ATTACK_PATTERN} (stage 17), {_CLEAN_PATTERN} "
            "(stage 13), train*.log (stage 11)"
            for experiment in experiments
        )
        raise UserError(f"no results found; looked for\n{looked}\nRun those stages.")
    seen: dict[tuple[str, int, str, str, str], Path] = {}
    for attack in (a for experiment in experiments for a in experiment.attacks):
        about, tag = attack.clean, attack.scores.attack_tag
        key = (about.system, about.seed, about.set, tag, about.decoder)
        if key in seen:
            raise UserError(
                f"{seen[key]} and {attack.folder} both hold system '{about.system}' "
                f"with seed {about.seed}; leave out one --exp, or give them different "
                "names with --system_name and repeat stage 17."
            )
        seen[key] = attack.folder
    return experiments


def name_experiments(experiments: Sequence[Experiment]) -> list[str]:
    """Name experiments: by the system, and by the seed where others have its name."""
    counts = Counter(one.system for one in experiments)
    return [
        one.system if counts[one.system] == 1 else f"{one.system}, {_apart(one)}"
        for one in experiments
    ]


def _apart(one: Experiment) -> str:
    """Tell an experiment from others of the same system."""
    return f"seed {one.attacks[0].clean.seed}" if one.attacks else str(one.path)


def named_confusions(
    experiments: Sequence[Experiment],
) -> list[tuple[str, AccentConfusion]]:
    """Recognised accents by system; named so that one system's can be told apart."""
    every = [
        (one, name, scores, scores.accents)
        for one, name in zip(experiments, name_experiments(experiments), strict=True)
        for scores in one.clean
        if scores.accents
    ]
    has_sets = len({scores.set for _, _, scores, _ in every}) > 1
    places = {(one.path, scores.set) for one, _, scores, _ in every}
    has_decoders = len(every) > len(places)
    return [
        (
            ", ".join(
                [
                    name,
                    *([scores.decoder] if has_decoders else []),
                    *([scores.set] if has_sets else []),
                ]
            ),
            confusion,
        )
        for _, name, scores, confusion in every
    ]
