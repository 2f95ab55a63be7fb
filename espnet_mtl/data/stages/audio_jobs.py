"""Audio of many utterances, written by jobs that continue where they stopped."""

import argparse
import logging
import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path

import numpy as np

from espnet_mtl.atomic import write_text
from espnet_mtl.data.errors import DataDirError
from espnet_mtl.data.progress import Progress
from espnet_mtl.data.stages.audio_stores import Store, is_archive, open_store
from espnet_mtl.data.stages.utterances import Utterances
from espnet_mtl.journal import Journal, read_journals
from espnet_mtl.provenance import hash_value

Convert = Callable[[str, np.ndarray, int], tuple[np.ndarray, int]]


class AudioJobs:
    """The audio of a data directory, to be made of that of another.

    Audio goes to ``<target>/data``. Each job notes what it has finished in
    ``<target>/logdir/<name>.<job>.jsonl``; an utterance is finished while its source,
    the settings and what was made of it are as they were. What was unusable is tried
    again.

    Args:
        name: What is done, for names of files.
        utterances: The audio to read.
        origins: The utterance that each new one is made of, by new utterance. Those of
            one recording stand together.
        convert: Makes 16-bit levels, (Samples,), and their rate, of a new utterance's
            name, samples and their rate.
        target: The data directory to write.
        audio_format: One of ``audio_stores.FORMATS``.
        settings: All that ``convert`` depends on besides, as text.
        num_jobs: How many jobs share the work.
        folder: Where below ``<target>/data``, if names of utterances do not say all
            that settings change: what an earlier table names is then nothing else.
        derived: Data directories whose ``wav.scp`` names audio of the target. Like the
            target's own, it is taken away before any audio changes.

    Attributes:
        origins: As given.
    """

    def __init__(
        self,
        name: str,
        utterances: Utterances,
        origins: Mapping[str, str],
        convert: Convert,
        *,
        target: Path,
        audio_format: str,
        settings: str,
        num_jobs: int,
        folder: str = "",
        derived: Sequence[Path] = (),
    ) -> None:
        self._name, self._convert = name, convert
        self._utterances, self.origins = utterances, origins
        self._target, self._num_jobs = target, num_jobs
        self._derived = derived
        self._root = (target / "data").resolve()
        self._folder, self._format = self._root / folder, audio_format
        self._settings = f"{name}, {audio_format}, {settings}"

    def run(self, job: int) -> None:
        """Make a job's share; what an earlier run has finished is not repeated.

        Args:
            job: Number of the job, from 1.

        Raises:
            DataDirError: If there is no such job.
            UserError: If the job is running already.
            OSError: If the disk is full.
        """
        if not 1 <= job <= self._num_jobs:
            raise DataDirError(
                f"--job {job}: with --num_jobs {self._num_jobs} there are jobs 1 to "
                f"{self._num_jobs}"
            )
        journal = Journal(self._journal(job))
        store = self._open(job)
        with closing(journal), closing(store):
            self._continue(job, journal, store)

    def _continue(self, job: int, journal: Journal, store: Store) -> None:
        share = self._share(job)
        finished = self._finished(job, share, store, retry=True)
        todo = [key for key in share if key not in finished]
        if todo:
            # Tables of an earlier run would name audio of this one if it stopped.
            _take_away_tables([self._target, *self._derived])
        if finished:
            logging.info("Continuing after %d finished utterances", len(finished))
        progress = Progress(len(share), "audio", len(finished))
        for key in todo:
            note, seconds = self._make(key, store)
            journal.append(self._made_of(job, key), {key: note})
            progress.add(seconds)
        progress.finish()

    def collect(self, max_bad: float) -> tuple[dict[str, str], dict[str, str]]:
        """Gather what all jobs have made.

        Bad audio is listed in ``<target>/bad_audio``, with the reasons.

        Args:
            max_bad: Largest share of utterances that may have unusable audio.

        Returns:
            Values of ``wav.scp``, and numbers of samples, by new utterance that has
            audio.

        Raises:
            DataDirError: If a job has not finished its share, or too much is bad.
        """
        values, lengths, bad = {}, {}, {}
        for job, share in self._parts():
            store = self._open(job)
            finished = self._finished(job, share, store, retry=False)
            for key in share:
                if key not in finished:
                    raise self._unfinished(key)
                if "fault" in finished[key]:
                    bad[key] = finished[key]["fault"]
                else:
                    values[key] = store.value(key, finished[key])
                    lengths[key] = str(finished[key]["num_samples"])
        _judge(bad, len(self.origins), max_bad, self._target / "bad_audio")
        return values, lengths

    def remove_unused(self, values: Collection[str]) -> None:
        """Remove audio that an earlier run has made and no table needs now.

        Args:
            values: Those of the target's new ``wav.scp``.
        """
        used = {*values, *(value.rpartition(":")[0] for value in values)}
        unused = [path for path in _made_audio(self._root) if str(path) not in used]
        if not unused:
            return
        _take_away_tables(self._derived)
        # The source may have been made of an earlier target.
        sources = {os.path.realpath(path) for path in self._utterances.files()}
        for path in unused:
            if str(path) not in sources:
                path.unlink()

    def _open(self, job: int) -> Store:
        return open_store(self._folder, self._format, job, self._num_jobs)

    def _make(self, key: str, store: Store) -> tuple[dict, float]:
        heard = self._hear(key)
        if isinstance(heard, str):
            return {"fault": heard}, 0.0
        levels, rate = heard
        note = store.write(key, levels, rate)
        return {**note, "num_samples": len(levels)}, len(levels) / rate

    def _hear(self, key: str) -> tuple[np.ndarray, int] | str:
        """Give what is to be written of an utterance; or what is wrong with it."""
        try:
            return self._convert(key, *self._utterances.read(self.origins[key]))
        except DataDirError as error:
            return str(error)

    def _share(self, job: int) -> list[str]:
        keys, n = list(self.origins), self._num_jobs
        return keys[len(keys) * (job - 1) // n : len(keys) * job // n]

    def _parts(self) -> list[tuple[int, list[str]]]:
        """Give what can be looked at together: of files, everything at once."""
        if not is_archive(self._format):
            return [(1, list(self.origins))]
        return [(job, self._share(job)) for job in range(1, self._num_jobs + 1)]

    def _finished(
        self, job: int, keys: list[str], store: Store, *, retry: bool
    ) -> dict[str, dict]:
        """Read the notes that hold. Those of unusable audio are tried if asked to."""
        finished: dict[str, dict] = {}
        for path in self._journals(job):
            journal = read_journals([path], dict)
            made_of = {key: self._made_of(job, key) for key in keys}
            notes = {
                key: journal[key, made_of[key]]
                for key in keys
                if (key, made_of[key]) in journal
            }
            if retry:
                notes = self._try_again(notes)
            for key in store.finished(keys, notes):
                # One job may have met a fault that another one did not meet later.
                if "fault" not in finished.setdefault(key, notes[key]):
                    continue
                finished[key] = notes[key]
        return finished

    def _try_again(self, notes: dict[str, dict]) -> dict[str, dict]:
        """Leave out faults that are gone, or others: a disk may have been away."""
        faults = {key: note["fault"] for key, note in notes.items() if "fault" in note}
        if faults:
            logging.info("Trying again: %d with unusable audio", len(faults))
        gone = {key for key, fault in faults.items() if self._hear(key) != fault}
        return {key: note for key, note in notes.items() if key not in gone}

    def _journals(self, job: int) -> list[Path]:
        if is_archive(self._format):
            return [self._journal(job)]
        # A file counts whichever job has written it, also when there were more jobs.
        # Those there are now are named: a cluster's folder may list them late.
        jobs = [self._journal(n) for n in range(1, self._num_jobs + 1)]
        earlier = (self._target / "logdir").glob(f"{self._name}.*.jsonl")
        return list(dict.fromkeys([*sorted(earlier), *jobs]))

    def _journal(self, job: int) -> Path:
        return self._target / "logdir" / f"{self._name}.{job}.jsonl"

    def _made_of(self, job: int, key: str) -> str:
        """Name all that an utterance's audio depends on; see :mod:`.provenance`."""
        settings = self._settings
        if is_archive(self._format):
            settings += f", job {job} of {self._num_jobs}"
        return hash_value([settings, self._utterances.version(self.origins[key])])

    def _unfinished(self, key: str) -> DataDirError:
        return DataDirError(
            f"{self._target / 'logdir'}: '{key}' is not finished: its job did not run "
            "to the end, or its audio has changed since; run the stage again"
        )


def _take_away_tables(directories: Iterable[Path]) -> None:
    for directory in directories:
        (directory / "wav.scp").unlink(missing_ok=True)


def _made_audio(root: Path) -> Iterator[Path]:
    """Find what runs have made: in the folder itself, or in that of a sampling rate."""
    for folder in [root, *root.glob("[0-9]*")]:
        for suffix in ("flac", "wav", "ark"):
            yield from folder.glob(f"*.{suffix}")


def _judge(bad: dict[str, str], total: int, max_bad: float, path: Path) -> None:
    if not bad:
        path.unlink(missing_ok=True)
        return
    lines = [f"{utt} {' '.join(fault.split())}\n" for utt, fault in bad.items()]
    write_text(path, "".join(lines))
    if len(bad) <= max_bad * total and len(bad) < total:
        logging.warning(
            "%d of %d utterances have unusable audio and are left out: %s",
            *(len(bad), total, path),
        )
        return
    shown = "".join(f"\n  {fault}" for fault in list(bad.values())[:10])
    share = f"a share of {len(bad) / total:.2g}, where --max_bad_audio is {max_bad:g}"
    raise DataDirError(
        f"{len(bad)} of {total} utterances have unusable audio ({share}; all are in "
        f"{path}); mend them, or remove them from wav.scp and run "
        f"utils/fix_data_dir.sh:{shown}"
    )


def add_job_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of a command that works in jobs.

    Args:
        parser: Of the command line.
    """
    parser.add_argument("--num_jobs", type=int, default=1, help="Jobs in all")
    parser.add_argument("--job", type=int, help="Do this job's share only, from 1")
    parser.add_argument(
        "--merge", action="store_true", help="Write the tables; all jobs are done"
    )
    parser.add_argument(
        "--check", action="store_true", help="Only look at options and tables"
    )
    parser.add_argument(
        "--max_bad_audio",
        type=_read_share,
        default=0.0,
        help="Share of utterances that may be left out because of unusable audio",
    )


def _read_share(text: str) -> float:
    share = float(text)
    if not 0 <= share <= 1:
        raise ValueError
    return share


def run_jobs(work: AudioJobs, args: argparse.Namespace) -> bool:
    """Do what the options ask for: one job, or all; or none, where all are done.

    Args:
        work: The work.
        args: With the options of :func:`add_job_options`.

    Returns:
        Whether it is time to write the tables.
    """
    if args.check:  # planning has looked at all that a user can mend at once
        return False
    if args.job is not None:
        work.run(args.job)
    elif not args.merge:
        for job in range(1, args.num_jobs + 1):
            work.run(job)
    return args.job is None
