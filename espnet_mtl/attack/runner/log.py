"""What the jobs of an attack have finished: journals below ``logdir``."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from msgspec import to_builtins

from espnet_mtl.attack.plan import BoundTrial, Needs
from espnet_mtl.journal import Journal, read_journals
from espnet_mtl.provenance import hash_value
from espnet_mtl.results.attack import Decoder
from espnet_mtl.results.record import Record
from espnet_mtl.results.trial import Trial

T = TypeVar("T")


@dataclass(frozen=True)
class PlannedTrial:
    """A trial of a plan, for those who have no model: merging.

    Attributes:
        trial: The trial.
        needs: What its audio depends on.
    """

    trial: Trial
    needs: Needs

    @classmethod
    def of(cls, bound: BoundTrial) -> "PlannedTrial":
        """Take it from a plan."""
        return cls(bound.trial, bound.needs)


@dataclass(frozen=True)
class JobLog:
    """A job's own journals; see :func:`open_log`."""

    output_dir: Path
    records: Journal
    seconds: Journal
    plan: Journal
    decoder: Journal

    def add_plan(self, made_of: str, plan: list[PlannedTrial]) -> None:
        """Keep the plan, unless the same one is kept already."""
        kept = read_plan(self.output_dir, made_of)
        if hash_value(to_builtins(kept)) != hash_value(to_builtins(plan)):
            self.plan.append(made_of, {"plan": plan})

    def add_decoder(self, made_of: str, decoder: Decoder) -> None:
        """Keep what was heard with, unless it is kept already."""
        if read_decoder(self.output_dir, made_of) is None:
            self.decoder.append(made_of, {"decoder": decoder})

    def add_records(
        self, made_of: str, trial: Trial, seconds: float, records: list[Record]
    ) -> None:
        """Keep what came of a batch, whose audio is on the disk."""
        self.seconds.append(made_of, {trial.name: round(seconds, 4)})
        self.records.append(made_of, {record.key: record for record in records})


@contextmanager
def open_log(output_dir: Path, job: int) -> Iterator[JobLog]:
    """Open a job's journals; no other process can have them meanwhile.

    Args:
        output_dir: The attack's directory.
        job: The job's number.

    Yields:
        The journals.

    Raises:
        UserError: If the same job is running already.
    """
    with ExitStack() as stack:

        def journal(name: str) -> Journal:
            path = output_dir / "logdir" / f"{name}.{job}.jsonl"
            return stack.enter_context(Journal(path))

        names = ("records", "seconds", "plan", "decoder")
        yield JobLog(output_dir, *map(journal, names))


def read_records(output_dir: Path) -> dict[tuple[str, str], Record]:
    """Read what all jobs, of any number of earlier runs, have finished.

    Args:
        output_dir: The attack's directory.

    Returns:
        Records by key of the attacked utterance and digest of what it was made of.
    """
    return _read(output_dir, "records", Record)


def read_seconds(output_dir: Path) -> dict[tuple[str, str], float]:
    """Read how long each batch took.

    Args:
        output_dir: The attack's directory.

    Returns:
        Seconds by trial and digest of what the batch was made of.
    """
    return _read(output_dir, "seconds", float)


def read_plan(output_dir: Path, made_of: str) -> list[PlannedTrial] | None:
    """Read a plan; ``None`` where no job has made it yet.

    Args:
        output_dir: The attack's directory.
        made_of: Digest of what it is made of.
    """
    return _read(output_dir, "plan", list[PlannedTrial]).get(("plan", made_of))


def read_decoder(output_dir: Path, made_of: str) -> Decoder | None:
    """Read how the attacked decoder weighs; ``None`` where nobody listened.

    Args:
        output_dir: The attack's directory.
        made_of: Digest of what it is made of.
    """
    return _read(output_dir, "decoder", Decoder).get(("decoder", made_of))


def _read(output_dir: Path, name: str, of: type[T]) -> dict[tuple[str, str], T]:
    return read_journals(sorted((output_dir / "logdir").glob(f"{name}.*.jsonl")), of)
