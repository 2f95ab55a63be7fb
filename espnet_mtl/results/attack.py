"""What an attack leaves in its data directory, beside the tables.

``attack.json`` says what was tried and by whom, ``records.jsonl`` what came of it for
each utterance. The tables are those of any data directory (``wav.scp``, ``text``, ...),
by the keys of the attacked utterances. Records are written last: where they are, all of
the attack is there.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from espnet_mtl.atomic import write_files
from espnet_mtl.data.datadir import render_data_dir
from espnet_mtl.errors import UserError
from espnet_mtl.provenance import hash_file
from espnet_mtl.results.files import (
    encode_result,
    read_lines,
    read_result,
    share_texts,
    write_lines,
)
from espnet_mtl.results.record import Record
from espnet_mtl.results.trial import Trial

ATTACK_NAME, RECORDS_NAME = "attack.json", "records.jsonl"
_STAGE = 15


@dataclass(frozen=True, kw_only=True)
class Decoder:
    """How the attacked decoder weighs what it hears.

    Attributes:
        branches: ``ctc`` and ``att``, as far as the search scores with them.
        lm_weight: Weight of a language model; 0 without one.
        ngram_weight: Weight of n-grams; 0 without them.
        beam_size: Hypotheses that the search keeps.
    """

    branches: tuple[str, ...]
    ctc_weight: float
    lm_weight: float
    ngram_weight: float
    beam_size: int


@dataclass(frozen=True, kw_only=True)
class AttackRun:
    """What was tried on one set with one model.

    Attributes:
        version: ``ATTACK_VERSION`` at that time.
        package: Digest of the packed model that was attacked.
        config: The configuration of the attack, as it was asked for.
        trials: What every utterance went through, in order.
        decoder: The attacked decoder; ``None`` where no attack listened.
        seconds: What each trial took, by its name.
        made_of: Digest of model, data and settings: it names this run of the attack.
    """

    version: int
    package: str
    config: Mapping[str, Any]
    trials: tuple[Trial, ...]
    decoder: Decoder | None = None
    seconds: Mapping[str, float] = field(default_factory=dict)
    made_of: str = ""

    def trial(self, name: str) -> Trial:
        """Return the trial of a name."""
        return next(trial for trial in self.trials if trial.name == name)


def write_attack(
    directory: Path,
    run: AttackRun,
    records: Iterable[Record],
    tables: Mapping[str, Mapping[str, str]],
) -> None:
    """Write an attack's tables, by name, and its files; the records come last."""
    forget_attack(directory)
    write_files(render_data_dir(directory, tables))
    write_files({directory / ATTACK_NAME: encode_result(run)})
    write_lines(directory / RECORDS_NAME, records)


def forget_attack(directory: Path) -> None:
    """Take away what says that the attack is whole: its audio is about to change."""
    for name in (RECORDS_NAME, "wav.scp"):
        (directory / name).unlink(missing_ok=True)


def read_attack_run(directory: Path) -> AttackRun:
    """Read what was tried.

    Raises:
        UserError: If there is no attack, or its file is damaged.
    """
    return read_result(directory / ATTACK_NAME, AttackRun, _STAGE)


def check_attacked(directory: Path, zip_file: Path) -> None:
    """Check that it is a certain packed model that was attacked.

    Raises:
        UserError: If it is another, there is no attack, or its file is damaged.
    """
    if read_attack_run(directory).package != hash_file(zip_file):
        raise UserError(
            f"{directory}: another model was attacked than {zip_file} is now: repeat "
            "stages 15 to 17, or what is measured says nothing about it"
        )


def read_records(directory: Path) -> dict[str, Record]:
    """Read what came of each utterance, by key.

    Raises:
        UserError: If the attack is not finished, or its file is damaged.
    """
    records = {}
    for record in read_lines(directory / RECORDS_NAME, Record, _STAGE):
        share_texts(record, ("key", "utt", "trial", "target", "heard"))
        for attempt in record.attempts or ():
            share_texts(attempt, ("attack", "attacker", "kind"))
        records[record.key] = record
    return records
