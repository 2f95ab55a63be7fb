"""The audio of a data directory, utterance by utterance."""

import numpy as np

from espnet_mtl.data.channels import ADVICE, ERROR, SPEAKERS_ADVICE, merge_channels
from espnet_mtl.data.datadir import DataDir
from espnet_mtl.data.errors import DataDirError
from espnet_mtl.data.samples import check_samples, cut_segment
from espnet_mtl.data.sources import read_source, source_files, source_version
from espnet_mtl.data.speed import ChangedSpeed


class Utterances:
    """Reads utterances from files, commands and archives, or cuts them from those.

    The last recording is held: a directory's utterances read in the order of
    :meth:`order` open each recording once.

    Args:
        channels: What becomes of several channels; see :mod:`..channels`.
    """

    def __init__(self, directory: DataDir, channels: str = ERROR) -> None:
        self._directory, self._channels = directory, channels
        self._values = directory.tables["wav.scp"]
        # An utterance at another speed is made of a recording, too.
        self._changed: dict[str, ChangedSpeed] = {}
        if not directory.has_segments:
            found = ((u, ChangedSpeed.from_value(v)) for u, v in self._values.items())
            self._changed = {utt: changed for utt, changed in found if changed}
        self._held = ""
        self._audio: tuple[np.ndarray, int] | DataDirError | None = None

    def order(self) -> list[str]:
        """List all utterances, those of a recording together."""
        by_source: dict[str, list[str]] = {}
        for utt in self._directory.segments or self._values:
            by_source.setdefault(self._source(utt), []).append(utt)
        return [utt for utts in by_source.values() for utt in utts]

    def version(self, utt: str) -> list[str | float]:
        """Return what changes with an utterance's audio, found without reading it."""
        version = source_version(self._values[self._directory.recording_of(utt)])
        return [*version, *self._directory.segments.get(utt, ()), self._channels]

    def files(self) -> set[str]:
        """Name the files that audio is read from, as far as ``wav.scp`` names them."""
        return {path for value in self._values.values() for path in source_files(value)}

    def place(self, utt: str) -> str:
        """Tell where an utterance comes from, for messages."""
        return f"utterance {utt}: {self._source_place(utt)}"

    def read(self, utt: str) -> tuple[np.ndarray, int]:
        """Read an utterance, in [-1, 1], float32, (Samples,), and its rate in Hz.

        Raises:
            DataDirError: If there is no audio, or :func:`check_samples` refuses it.
        """
        source, place = self._source(utt), self.place(utt)
        if self._held != source or self._audio is None:
            self._held, self._audio = source, None  # Never two in memory.
            try:
                self._audio = self._read_source(source, self._source_place(utt))
            except DataDirError as error:
                self._audio = error
        if isinstance(self._audio, DataDirError):
            raise DataDirError(f"utterance {utt}: {self._audio}") from self._audio
        samples, rate = self._audio
        if utt in self._changed:
            samples = self._changed[utt].apply(samples, rate, place)
        elif utt in self._directory.segments:
            segment = self._directory.segments[utt]
            samples = cut_segment(samples, rate, segment, place)
        return check_samples(samples, place), rate

    def _read_source(self, source: str, place: str) -> tuple[np.ndarray, int]:
        samples, rate = read_source(source, place)
        samples = merge_channels(samples, self._channels, place)
        if samples.shape[1] > 1 and self._directory.has_segments:
            raise DataDirError(
                f"{place}: {samples.shape[1]} channels, and utterances are parts of "
                f"it: {SPEAKERS_ADVICE}; else {ADVICE}"
            )
        return samples, rate

    def _source(self, utt: str) -> str:
        if utt in self._changed:
            return self._changed[utt].source
        return self._values[self._directory.recording_of(utt)]

    def _source_place(self, utt: str) -> str:
        source = self._source(utt)
        if self._directory.has_segments:
            return f"recording {self._directory.recording_of(utt)}: {source}"
        return source
