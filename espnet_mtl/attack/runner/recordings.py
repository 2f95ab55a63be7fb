"""The audio of a data directory: checked and hashed once, when it is first read."""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import numpy as np

from espnet_mtl.data.audio import raise_faults, read_audio, read_audio_rate
from espnet_mtl.data.audio_file import Header
from espnet_mtl.data.errors import DataDirError
from espnet_mtl.data.sources import read_source_header
from espnet_mtl.errors import UserError

# Formats whose header tells the exact number of samples.
_EXACT = (".wav", ".flac")
# Samples that are kept in memory (32 MiB, nine minutes at 16 kHz). What is beyond that
# is read again when it is attacked, so that memory does not grow with the data.
_MOST_KEPT = 2**23


class Recordings:
    """Audio by utterance. Nothing is read before somebody asks for it."""

    def __init__(self, paths: Mapping[str, str]):
        self._paths = paths
        self._headers: dict[str, Header] = {}
        self._digests: dict[str, str] = {}
        self._kept: dict[str, np.ndarray] = {}
        self._num_kept = 0

    def lengths(self) -> dict[str, int]:
        """Count the samples of every utterance, of the header where it tells them.

        Raises:
            UserError: If there is no such audio.
        """
        return {utt: self._header(utt).num_samples for utt in self._paths}

    def check_rate(self, rate: int) -> None:
        """Check that all audio has a sampling rate, in Hz.

        Raises:
            UserError: If some has another.
        """
        self._collect(self._paths, lambda utt: self._check_rate(utt, rate))

    def check(self, utterances: Iterable[str]) -> None:
        """Read and check audio.

        Raises:
            UserError: If some cannot be read, is empty, silent, stereo, or not finite.
        """
        self._collect(utterances, self.digest)

    def digest(self, utt: str) -> str:
        """Return the SHA-256 of an utterance's samples, in hexadecimal."""
        if utt not in self._digests:
            self.samples(utt)
        return self._digests[utt]

    def samples(self, utt: str) -> np.ndarray:
        """Return an utterance's samples in [-1, 1], float32, (Samples,).

        Raises:
            UserError: If the audio is faulty; see :meth:`check`.
        """
        if utt in self._kept:
            return self._kept[utt]
        samples, rate = read_audio_rate(self._paths[utt], utt=utt)
        header = self._headers.setdefault(utt, Header(len(samples), rate, channels=1))
        if len(samples) != header.num_samples:
            raise UserError(
                f"utterance {utt}: {self._paths[utt]}: {len(samples)} samples, but "
                f"there were {header.num_samples} of them at first; do not change "
                "audio while it is attacked"
            )
        if utt not in self._digests:
            content = np.ascontiguousarray(samples).tobytes()
            self._digests[utt] = hashlib.sha256(content).hexdigest()
        if self._num_kept + len(samples) <= _MOST_KEPT:
            self._kept[utt] = samples
            self._num_kept += len(samples)
        return samples

    def _check_rate(self, utt: str, rate: int) -> None:
        if self._header(utt).rate != rate:
            read_audio(self._paths[utt], rate, utt=utt)  # says what is wrong

    def _collect(
        self, utterances: Iterable[str], check: Callable[[str], object]
    ) -> None:
        """Check utterances, and raise all that is wrong with them at once."""
        faults = []
        for utt in utterances:
            try:
                check(utt)
            except UserError as error:
                faults.append(str(error))
        raise_faults(faults, len(self._paths))

    def _header(self, utt: str) -> Header:
        if utt not in self._headers:
            found = _read_header(self._paths[utt])
            if found is None:
                self.samples(utt)
            else:
                self._headers[utt] = found
        return self._headers[utt]


def _read_header(path: str) -> Header | None:
    """Read a header; ``None`` where only the whole file tells, or tells the fault."""
    if not path.lower().endswith(_EXACT) or not Path(path).is_file():
        return None
    try:
        header = read_source_header(path, path)
    except DataDirError:
        return None
    if header.channels != 1 or header.num_samples < 1:
        return None
    return header
