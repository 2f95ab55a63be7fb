"""Where formatted audio goes: a file for each utterance, or an archive for each job."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from espnet_mtl.atomic import write_files
from espnet_mtl.data.ark import pack_entry
from espnet_mtl.data.audio import encode_audio

# ESPnet's names of formats; "ark" is short for the first of its archives.
FORMATS = ("flac", "wav", "flac.ark", "wav.ark", "ark")


# Where a store has put audio; only the store knows what the numbers mean.
Place = tuple[int, ...]


@dataclass(frozen=True)
class Note:
    """What has become of an utterance.

    Attributes:
        fault: What is wrong with its audio; empty where it has been written.
        num_samples: Its length.
        place: Where it is.
    """

    fault: str = ""
    num_samples: int = 0
    place: Place = ()


def is_archive(audio_format: str) -> bool:
    """Tell whether a format puts many utterances into one file."""
    return audio_format.endswith("ark")


class FileStore:
    """A file for each utterance. A place is its size and time."""

    def __init__(self, folder: Path, kind: str) -> None:
        self._folder, self._kind = folder, kind

    def finished(self, keys: Sequence[str], notes: Mapping[str, Note]) -> set[str]:
        """Tell whose audio is there as it was written, or has a fault and needs none.

        Args:
            keys: Utterances in the order in which they are written.
            notes: Notes by utterance, with the places that :meth:`write` returned.
        """
        return {
            key
            for key, note in notes.items()
            if note.fault or note.place == self._state(key)
        }

    def write(self, key: str, levels: np.ndarray, rate: int) -> Place:
        """Write an utterance's audio, int16, (Samples,), and return where it is."""
        path = self._path(key)
        write_files({path: encode_audio(levels, rate, self._kind)})
        return self._state(key)

    def value(self, key: str, place: Place) -> str:
        """Return the audio's value for ``wav.scp``."""
        return str(self._path(key))

    def close(self) -> None:
        """Stop writing."""

    def _path(self, key: str) -> Path:
        return self._folder / f"{key}.{self._kind}"

    def _state(self, key: str) -> Place:
        try:
            state = os.stat(self._path(key))
        except FileNotFoundError:
            return ()
        return state.st_size, state.st_mtime_ns


class ArkStore:
    """One archive, which grows at its end only; used like a :class:`FileStore`.

    A place is where the entry starts, the offset in ``wav.scp``, and where it ends.

    What follows the first utterance to be written, again or for the first time, is cut
    off with whatever a kill left there: so the archive is the same as if it had been
    written in one go.
    """

    def __init__(self, path: Path, kind: str) -> None:
        self._path, self._kind = path, kind
        self._end = 0
        self._file: int | None = None

    def finished(self, keys: Sequence[str], notes: Mapping[str, Note]) -> set[str]:
        size = self._path.stat().st_size if self._path.exists() else 0
        self._end = 0
        there = set()
        for key in keys:
            note = notes.get(key)
            if note is None:
                break
            if not note.fault:
                start, _, end = note.place
                if start != self._end or end > size:
                    break
                self._end = end
            there.add(key)
        return there

    def write(self, key: str, levels: np.ndarray, rate: int) -> Place:
        if self._file is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = os.open(self._path, os.O_WRONLY | os.O_CREAT, 0o666)
            os.ftruncate(self._file, self._end)
        entry, offset = pack_entry(key, encode_audio(levels, rate, self._kind))
        start = self._end
        while self._end < start + len(entry):
            rest = entry[self._end - start :]
            self._end += os.pwrite(self._file, rest, self._end)
        return start, start + offset, self._end

    def value(self, key: str, place: Place) -> str:
        _, offset, _ = place
        return f"{self._path}:{offset}"

    def close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None


Store = FileStore | ArkStore


def open_store(folder: Path, audio_format: str, job: int, num_jobs: int) -> Store:
    """Open the store of a job's audio; an archive's name tells its job, of how many."""
    if is_archive(audio_format):
        kind = "wav" if audio_format == "ark" else audio_format.removesuffix(".ark")
        return ArkStore(folder / f"audio.{job}of{num_jobs}.{kind}.ark", kind)
    return FileStore(folder, audio_format)
