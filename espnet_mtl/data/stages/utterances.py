"""The audio of a data directory, utterance by utterance."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from espnet_mtl.data.audio import check_samples
from espnet_mtl.data.errors import DataDirError
from espnet_mtl.data.segments import TO_THE_END, Segment, parse_segments
from espnet_mtl.data.sources import read_source, source_files, source_version

# Ends of segments are often rounded up; one that is further out is of other audio.
_SLACK_SECONDS = 0.5


class Utterances:
    """Reads utterances from files, commands and archives, or cuts them from those.

    The last recording is held: a directory's utterances read in the order of
    :meth:`order` open each recording once.

    Args:
        path: The directory, for messages.
        tables: What :func:`load_data_dir` read of it.
    """

    def __init__(self, path: Path, tables: Mapping[str, Mapping[str, str]]) -> None:
        self._values = tables["wav.scp"]
        self._segments = parse_segments(path / "segments", tables.get("segments", {}))
        self._is_cut = "segments" in tables
        self._held = ""
        self._audio: tuple[np.ndarray, int] | DataDirError | None = None

    def order(self) -> list[str]:
        """Put the utterances of a recording together.

        Returns:
            All utterances.
        """
        if not self._is_cut:
            return list(self._values)
        return sorted(self._segments, key=lambda utt: self._segments[utt].recording)

    def version(self, utt: str) -> list:
        """Tell one state of an utterance's audio from another without reading it.

        Args:
            utt: The utterance.

        Returns:
            Something that JSON can hold; it changes when the audio does.
        """
        version = source_version(self._values[self._recording(utt)])
        return [*version, *self._segments[utt]] if self._is_cut else version

    def files(self) -> set[str]:
        """Name the files that the audio is read from.

        Returns:
            Paths, as far as ``wav.scp`` names them.
        """
        return {path for value in self._values.values() for path in source_files(value)}

    def place(self, utt: str) -> str:
        """Tell where an utterance comes from, for messages.

        Args:
            utt: The utterance.

        Returns:
            The utterance, the recording if it is a part of one, and the source.
        """
        return f"utterance {utt}: {self._source(utt)}"

    def read(self, utt: str) -> tuple[np.ndarray, int]:
        """Read an utterance.

        Args:
            utt: The utterance.

        Returns:
            Samples in [-1, 1], float32, (Samples,); sampling rate in Hz.

        Raises:
            DataDirError: If there is no audio, or it is empty, silent, stereo, or no
                samples in [-1, 1].
        """
        recording = self._recording(utt)
        if self._held != recording or self._audio is None:
            self._held, self._audio = recording, None  # Never two in memory.
            try:
                self._audio = read_source(self._values[recording], self._source(utt))
            except DataDirError as error:
                self._audio = error
        if isinstance(self._audio, DataDirError):
            raise DataDirError(f"utterance {utt}: {self._audio}") from self._audio
        samples, rate = self._audio
        if self._is_cut:
            samples = _cut(samples, rate, self._segments[utt], self.place(utt))
        return check_samples(samples, self.place(utt)), rate

    def _source(self, utt: str) -> str:
        recording = self._recording(utt)
        value = self._values[recording]
        return f"recording {recording}: {value}" if self._is_cut else value

    def _recording(self, utt: str) -> str:
        return self._segments[utt].recording if self._is_cut else utt


def _cut(samples: np.ndarray, rate: int, segment: Segment, place: str) -> np.ndarray:
    whole = len(samples) / rate
    if segment.start >= whole or segment.end > whole + _SLACK_SECONDS:
        times = f"from {segment.start:g} s to {segment.end:g} s"
        if segment.end == TO_THE_END:
            times = f"from {segment.start:g} s on"
        raise DataDirError(
            f"{place}: the segment is {times}, but the recording has {whole:g} s; mend "
            "'segments', or remove the utterance"
        )
    end = None if segment.end == TO_THE_END else round(segment.end * rate)
    return samples[round(segment.start * rate) : end]
