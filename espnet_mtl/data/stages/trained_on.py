"""Stages 6 to 15: experiments and statistics belong to the data that they were made of.

Both have a stamp (:mod:`espnet_mtl.provenance`). It has the number of lines of each
table, so that a message can tell what has changed.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from espnet_mtl.data.tables import read_lines
from espnet_mtl.errors import UserError
from espnet_mtl.provenance import Stamp, find_changes, hash_file, read_stamp

_ACCENTS = "accent list"
_TABLES = ("utt2spk", "text", "utt2accent", "utt2num_samples")
# What only an accent branch looks at.
_OF_ACCENTS = (_ACCENTS, "utt2accent")


@dataclass(frozen=True)
class Training:
    """A training of a recogniser or a language model, and its statistics.

    Attributes:
        stage: The stage that makes the statistics.
        tag: The option that names the experiment.
    """

    directory: Path
    stats_dir: Path
    stage: int
    tag: str

    @property
    def has_learned(self) -> bool:
        """Whether there is a checkpoint or a finished model."""
        return any(self.directory.glob("*.pth"))


def describe_tables(tables: Mapping[str, Path]) -> Stamp:
    """Return number of lines and digest of the tables that are there, by name."""
    return {
        name: {"lines": len(read_lines(path)), "sha256": hash_file(path)}
        for name, path in tables.items()
        if path.is_file()
    }


def describe_accents(path: Path) -> Stamp:
    """Describe what the accent classes of a model mean, if there is a list of them."""
    if not path.is_file():
        return {}
    accents = [line.strip() for line in read_lines(path)]
    return {_ACCENTS: [accent for accent in accents if accent]}


def describe_data(sets: Mapping[str, Path]) -> Stamp:
    """Describe formatted data (by their purpose), but for the audio itself."""
    return describe_tables(
        {
            f"{name} of {purpose}": path / name
            for purpose, path in sets.items()
            for name in _TABLES
        }
    )


def check_statistics(training: Training, data: Stamp) -> None:
    """Refuse statistics of other data; those without a stamp are taken as they are.

    Accents do not matter: they have no statistics.

    Raises:
        UserError: If they differ.
    """
    changes = _find_changes(training.stats_dir, data)
    changes = {name: said for name, said in changes.items() if not _is_of_accents(name)}
    if changes:
        raise UserError(
            f"{training.stats_dir} has the statistics of other data "
            f"({'; '.join(changes.values())}): run stage {training.stage} again"
        )


def check_experiment(training: Training, data: Stamp) -> None:
    """Refuse an experiment that was trained on other data than there are now.

    Its weights would go on from a checkpoint, or be scored, as if they knew the new
    data; accents would be called by wrong names. An experiment that has learned nothing
    yet, or was begun without a stamp, is taken as it is.

    Raises:
        UserError: If they differ.
    """
    if not training.has_learned:
        return
    changes = _find_changes(training.directory, data)
    if any(map(_is_of_accents, changes)) and not _has_accent_branch(training.directory):
        changes = {name: s for name, s in changes.items() if not _is_of_accents(name)}
    if changes:
        raise UserError(
            f"{training.directory} was trained on other data "
            f"({'; '.join(changes.values())}): give another --{training.tag} or "
            f"--expdir, or remove {training.directory} to start again"
        )


def warn_of_other_data(training: Training, data: Stamp) -> None:
    """Warn where a model is used beside training data that it was not trained on.

    That alone is no fault. But where the sets were made anew, it may have been trained
    on what is tested now.
    """
    changes = _find_changes(training.directory, data) if training.has_learned else {}
    if changes:
        logging.warning(
            "%s was trained on other data than there are now (%s). If speakers or "
            "sentences have changed sets since, it may know those of the test, and "
            "results are too good: train again, with another --%s",
            training.directory,
            "; ".join(changes.values()),
            training.tag,
        )


def _find_changes(directory: Path, data: Stamp) -> dict[str, str]:
    """Say what differs, as far as both are known, by name."""
    before = read_stamp(directory)
    if before is None:
        return {}
    known = before.keys() & data.keys()
    changed = find_changes(
        {name: before[name] for name in known}, {name: data[name] for name in known}
    )
    return {name: _tell(name, before[name], data[name]) for name in changed}


def _tell(name: str, before: Any, now: Any) -> str:
    if name == _ACCENTS:
        return f"{name}: {', '.join(before)} -> {', '.join(now)}"
    if before["lines"] == now["lines"]:
        return name
    return f"{name}: {before['lines']} -> {now['lines']} lines"


def _is_of_accents(name: str) -> bool:
    return name.startswith(_OF_ACCENTS)


def _has_accent_branch(directory: Path) -> bool:
    path = directory / "config.yaml"
    if not path.is_file():
        return True
    import yaml  # here, for it is rarely needed

    # In C where that is there: lists of thousands of tokens take seconds otherwise.
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        config = yaml.load(path.read_text(encoding="utf-8"), Loader=loader)
    except yaml.YAMLError as error:
        raise UserError(f"{path}: no YAML ({error}); train again") from error
    return bool(config.get("accent_weight") != 0)
