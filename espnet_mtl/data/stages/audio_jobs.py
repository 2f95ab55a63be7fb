"""Audio of many utterances, formatted by jobs that continue where they stopped."""

import logging
import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path

import numpy as np
import soxr

from espnet_mtl.atomic import write_text
from espnet_mtl.data.errors import DataDirError
from espnet_mtl.data.progress import LoopProgress
from espnet_mtl.data.samples import to_16_bit
from espnet_mtl.data.stages.audio_stores import Note, Store, is_archive, open_store
from espnet_mtl.data.stages.utterances import Utterances
from espnet_mtl.journal import Journal, read_journals
from espnet_mtl.provenance import hash_value

# Name of the journals, and of the logs beside them.
_NAME = "format_wav_scp"


class AudioJobs:
    """The audio of a data directory, to be brought to one rate and format.

    Audio goes to ``<target>/data/<rate>``, so that what an earlier table names is never
    audio at another rate. Each job keeps a journal of what it has finished,
    ``<target>/logdir/format_wav_scp.<job>.jsonl``. An utterance is finished while its
    source, the settings and what was made of it are as they were. What was unusable is
    tried again.

    Args:
        target: The data directory to write.
        derived: Data directories whose ``wav.scp`` names audio of the target. Like the
            target's own, it is taken away before any audio changes.
    """

    def __init__(
        self,
        utterances: Utterances,
        target: Path,
        *,
        rate: int,
        audio_format: str,
        num_jobs: int = 1,
        derived: Sequence[Path] = (),
    ) -> None:
        self._utterances, self._utts = utterances, utterances.order()
        self._target, self._derived = target, derived
        self._root = (target / "data").resolve()
        self._rate, self._format, self._num_jobs = rate, audio_format, num_jobs

    @property
    def rate(self) -> int:
        """The sampling rate in Hz that is written."""
        return self._rate

    def run(self, job: int) -> None:
        """Make a job's share; what an earlier run has finished is not repeated.

        Raises:
            UserError: If there is no such job (from 1), or it is running already.
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
        finished = self._find_finished(job, share, store, retry=True)
        todo = [utt for utt in share if utt not in finished]
        if todo:
            # Tables of an earlier run would name audio of this one if it stopped.
            _take_away_tables(self._target, *self._derived)
            if is_archive(self._format):
                # What follows is cut off. Else its notes would hold again when the
                # sources are what they were, for bytes that are others by then.
                journal.start_over(
                    (self._made_of(job, utt), utt, note)
                    for utt, note in finished.items()
                )
        if finished:
            logging.info("Continuing after %d finished utterances", len(finished))
        progress = LoopProgress(len(share), "audio", done=len(finished))
        for utt in todo:
            note = self._make(utt, store)
            journal.append(self._made_of(job, utt), {utt: note})
            progress.add(note.num_samples / self._rate)
        progress.finish()

    def collect(self, max_bad: float) -> tuple[dict[str, str], dict[str, str]]:
        """Return values of ``wav.scp`` and numbers of samples, by utterance with audio.

        Bad audio is listed in ``<target>/bad_audio``, with the reasons.

        Raises:
            DataDirError: If a job has not finished its share, or more than the share
                ``max_bad`` of all utterances is unusable.
        """
        values, lengths, bad = {}, {}, {}
        for job, share in self._parts():
            store = self._open(job)
            finished = self._find_finished(job, share, store, retry=False)
            for utt in share:
                if utt not in finished:
                    raise DataDirError(
                        f"{self._target / 'logdir'}: '{utt}' is not finished: its job "
                        "did not run to the end, or its audio has changed since; run "
                        "the stage again"
                    )
                note = finished[utt]
                if note.fault:
                    bad[utt] = note.fault
                else:
                    values[utt] = store.value(utt, note.place)
                    lengths[utt] = str(note.num_samples)
        _judge(bad, len(self._utts), max_bad, self._target / "bad_audio")
        return values, lengths

    def remove_unused(self, values: Collection[str]) -> None:
        """Remove earlier audio that no value of the new ``wav.scp`` names."""
        used = {*values, *(value.rpartition(":")[0] for value in values)}
        unused = [path for path in _made_audio(self._root) if str(path) not in used]
        if not unused:
            return
        _take_away_tables(*self._derived)
        # The source may have been made of an earlier target.
        sources = {os.path.realpath(path) for path in self._utterances.files()}
        for path in unused:
            if str(path) not in sources:
                path.unlink()

    def _open(self, job: int) -> Store:
        folder = self._root / str(self._rate)
        return open_store(folder, self._format, job, self._num_jobs)

    def _make(self, utt: str, store: Store) -> Note:
        try:
            levels = self._hear(utt)
        except DataDirError as error:
            return Note(fault=str(error))
        return Note("", len(levels), store.write(utt, levels, self._rate))

    def _hear(self, utt: str) -> np.ndarray:
        """Give the levels to be written of an utterance."""
        samples, rate = self._utterances.read(utt)
        if rate != self._rate:
            samples = soxr.resample(samples, rate, self._rate)
        levels = to_16_bit(samples)
        if not levels.any():
            raise DataDirError(
                f"{self._utterances.place(utt)}: so quiet or short that nothing is "
                f"left at {self._rate} Hz and 16 bits; remove the utterance"
            )
        return levels

    def _has_fault(self, utt: str, fault: str) -> bool:
        try:
            self._hear(utt)
        except DataDirError as error:
            return str(error) == fault
        return False

    def _share(self, job: int) -> list[str]:
        utts, n = self._utts, self._num_jobs
        return utts[len(utts) * (job - 1) // n : len(utts) * job // n]

    def _parts(self) -> list[tuple[int, list[str]]]:
        """Give what can be looked at together: of files, everything at once."""
        if not is_archive(self._format):
            return [(1, self._utts)]
        return [(job, self._share(job)) for job in range(1, self._num_jobs + 1)]

    def _find_finished(
        self, job: int, utts: list[str], store: Store, *, retry: bool
    ) -> dict[str, Note]:
        """Read the notes that hold. Those of unusable audio are tried if asked to."""
        journal = read_journals(self._journals(job), Note)
        keys = ((utt, self._made_of(job, utt)) for utt in utts)
        notes = {key[0]: journal[key] for key in keys if key in journal}
        if retry:
            notes = self._try_again(notes)
        return {utt: notes[utt] for utt in store.finished(utts, notes)}

    def _try_again(self, notes: Mapping[str, Note]) -> dict[str, Note]:
        """Leave out faults that are gone, or others: a disk may have been away."""
        num_faults = sum(note.fault != "" for note in notes.values())
        if num_faults:
            logging.info("Trying %d utterances with unusable audio again", num_faults)
        return {
            utt: note
            for utt, note in notes.items()
            if not note.fault or self._has_fault(utt, note.fault)
        }

    def _journals(self, job: int) -> list[Path]:
        if is_archive(self._format):
            return [self._journal(job)]
        # A file counts whichever job has written it, also when there were more jobs.
        # Those there are now are named: a cluster's folder may list them late.
        jobs = [self._journal(n) for n in range(1, self._num_jobs + 1)]
        earlier = (self._target / "logdir").glob(f"{_NAME}.*.jsonl")
        return list(dict.fromkeys([*sorted(earlier), *jobs]))

    def _journal(self, job: int) -> Path:
        return self._target / "logdir" / f"{_NAME}.{job}.jsonl"

    def _made_of(self, job: int, utt: str) -> str:
        """Name all that an utterance's audio depends on; see :mod:`.provenance`."""
        settings: list[str | int] = [self._format, self._rate]
        if is_archive(self._format):
            settings += [job, self._num_jobs]
        return hash_value([settings, self._utterances.version(utt)])


def _take_away_tables(*directories: Path) -> None:
    for directory in directories:
        (directory / "wav.scp").unlink(missing_ok=True)


def _made_audio(root: Path) -> Iterator[Path]:
    """Find what runs have made, at any sampling rate."""
    for folder in root.glob("[0-9]*"):
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
        f"{path}). Repair them; leave them out by --max_bad_audio; or take them out of "
        "what stage 1 reads, since stage 1 writes data/ anew (if you have made data/ "
        f"yourself, out of its wav.scp, then run utils/fix_data_dir.sh):{shown}"
    )
