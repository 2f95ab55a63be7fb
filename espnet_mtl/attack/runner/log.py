"""What the jobs of an attack have finished: one journal a job, below ``logdir``.

A journal has the record of each attacked utterance, the seconds that each batch took,
the plan, and how the attacked decoder weighs what it hears. Types tell them apart.
"""

from collections.abc import Container
from pathlib import Path
from typing import TypeVar

import msgspec

from espnet_mtl.attack.bound import PlannedTrial
from espnet_mtl.journal import Journal, read_journals
from espnet_mtl.results.attack import Decoder
from espnet_mtl.results.record import Record
from espnet_mtl.results.trial import Trial

T = TypeVar("T")


class JobLog(Journal):
    """A job's own journal; no other process can have it meanwhile.

    Raises:
        UserError: If the same job is running already.
    """

    def __init__(self, output_dir: Path, job: int):
        self._path = output_dir / "logdir" / f"records.{job}.jsonl"
        super().__init__(self._path)

    def add_plan(self, made_of: str, plan: list[PlannedTrial]) -> None:
        """Keep the plan, unless this job has kept the same one already.

        What other jobs have kept is not looked at: a thousand jobs would each read all
        that the others have done.
        """
        found = read_journals([self._path], list[PlannedTrial], ["plan"])
        kept = found.get(("plan", made_of))
        if msgspec.json.encode(kept) != msgspec.json.encode(plan):
            self.append(made_of, {"plan": plan})

    def add_decoder(self, made_of: str, decoder: Decoder) -> None:
        """Keep how the decoder weighs what it hears."""
        self.append(made_of, {"decoder": decoder})

    def add_records(
        self, made_of: str, trial: Trial, seconds: float, records: list[Record]
    ) -> None:
        """Keep what came of a batch, whose audio is on the disk."""
        results = {record.key: record for record in records}
        self.append(made_of, {trial.name: round(seconds, 4), **results})


def read_records(
    output_dir: Path, keys: Container[str] | None = None
) -> dict[tuple[str, str], Record]:
    """Read what all jobs, of any number of earlier runs, have finished.

    Records are found by key of the attacked utterance and digest of what it was made
    of; only those of certain keys, if any are given.
    """
    return _read(output_dir, Record, keys)


def read_seconds(
    output_dir: Path, trials: Container[str]
) -> dict[tuple[str, str], float]:
    """Read how long batches took, by trial and digest of what they were made of."""
    return _read(output_dir, float, trials)


def read_plan(output_dir: Path, made_of: str) -> list[PlannedTrial] | None:
    """Read a plan; ``None`` where no job has made it yet."""
    plans = _read(output_dir, list[PlannedTrial], ["plan"])
    return plans.get(("plan", made_of))


def read_decoder(output_dir: Path, made_of: str) -> Decoder | None:
    """Read how the attacked decoder weighs; ``None`` where nobody listened."""
    decoders = _read(output_dir, Decoder, ["decoder"])
    return decoders.get(("decoder", made_of))


def _read(
    output_dir: Path, of: type[T], keys: Container[str] | None
) -> dict[tuple[str, str], T]:
    paths = sorted((output_dir / "logdir").glob("records.*.jsonl"))
    return read_journals(paths, of, keys)
