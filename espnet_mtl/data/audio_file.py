"""Opens audio files, whole ones only: every way in goes through here.

What a header says is compared with what is there (:mod:`.containers`), and the number
of samples that were decoded with what the header says.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import numpy as np
import soundfile

from espnet_mtl.data.containers import add_length, find_extent, find_ogg_fault
from espnet_mtl.data.errors import DataDirError

# MP3 decoders leave out the delay of the coder, three frames at most.
_DELAY_SECONDS = 0.3
# What libsndfile says where a stream does not tell its length.
_UNKNOWN_LENGTH = 2**62


@dataclass(frozen=True)
class Header:
    """What is known of an audio file without decoding it.

    Attributes:
        num_samples: Samples of each channel. Of MP3, a few more than are decoded.
        rate: Sampling rate in Hz.
        channels: Number of channels.
        has_length: Whether it says how long it is. If not, ESPnet does not read it.
    """

    num_samples: int
    rate: int
    channels: int
    has_length: bool = True

    @property
    def seconds(self) -> float:
        """Length in seconds."""
        return self.num_samples / self.rate


def read_header(file: Path | BinaryIO, place: str, *, has_end: bool = True) -> Header:
    """Read what the header says, and check that the file is as long as that.

    Args:
        file: A file's path, or its content, to be read from the start.
        place: What it belongs to, for the message.
        has_end: Whether it ends where its audio does: else its end says nothing.

    Raises:
        DataDirError: If it is no audio, was cut short, or would not be read to its end.
    """
    with _open(file, place, has_end) as (_, header):
        return header


def read_samples(
    file: Path | BinaryIO, place: str, *, has_end: bool = True
) -> tuple[np.ndarray, int]:
    """Decode a file; see :func:`read_header`.

    Returns:
        Samples, full scale is 1, float32, (Samples, Channels); sampling rate in Hz.

    Raises:
        DataDirError: As :func:`read_header`, and if decoding stops before the end.
    """
    with _open(file, place, has_end) as (audio, header):
        samples = audio.read(audio.frames, dtype="float32", always_2d=True)
    if len(samples) < header.num_samples - _DELAY_SECONDS * header.rate:
        raise DataDirError(
            f"{place}: decoding stops after {len(samples) / header.rate:.2f} s of "
            f"{header.seconds:.2f} s; get the file again, or remove the utterance"
        )
    return samples, header.rate


@contextmanager
def _open(
    file: Path | BinaryIO, place: str, has_end: bool
) -> Iterator[tuple[soundfile.SoundFile, Header]]:
    raw = open(file, "rb") if isinstance(file, Path) else file  # noqa: SIM115
    try:
        with soundfile.SoundFile(file) as audio:
            header = Header(audio.frames, audio.samplerate, audio.channels)
            if has_end:
                header = _check_extent(raw, header, audio.format, place)
                _check_last_frame(audio, place)
            if header.has_length:
                yield audio, header
                return
        raw.seek(0)
        content = add_length(raw.read(), header.num_samples)
        with soundfile.SoundFile(BytesIO(content)) as audio:
            yield audio, header
    except (RuntimeError, TypeError) as error:  # soundfile's
        said = getattr(error, "error_string", str(error)).strip()
        # Some cuts make libsndfile give up, without a word about the reason.
        fault = find_ogg_fault(raw) or f"unreadable ({said})"
        raise DataDirError(
            f"{place}: {fault}; replace the file, or remove the utterance"
        ) from error
    finally:
        raw.close()


def _check_last_frame(audio: soundfile.SoundFile, place: str) -> None:
    """Refuse a FLAC file whose last frame is not whole: its head says it were."""
    if audio.format != "FLAC" or not 0 < audio.frames < _UNKNOWN_LENGTH:
        return
    try:
        audio.seek(audio.frames - 1)
        is_whole = len(audio.read(1)) == 1
        audio.seek(0)
    except RuntimeError:  # soundfile's
        is_whole = False
    if not is_whole:
        raise DataDirError(
            f"{place}: cut short: its last samples cannot be decoded; replace the "
            "file, or remove the utterance"
        )


def _check_extent(raw: BinaryIO, header: Header, kind: str, place: str) -> Header:
    """Refuse a file that is not whole; give the header with the length that is there.

    libsndfile counts the samples of an MP3 without a Xing header by the file's size,
    as if all frames were like the first one, and reads no more than that.
    """
    at = raw.tell()
    extent = find_extent(raw, header.rate, kind)
    raw.seek(at)
    if extent.fault:
        raise DataDirError(
            f"{place}: {extent.fault}; replace the file, or remove the utterance"
        )
    there = extent.num_samples
    if there is None:
        there = header.num_samples
    elif 0 < header.num_samples < there - _DELAY_SECONDS * header.rate:
        raise DataDirError(
            f"{place}: only the first {header.seconds:.2f} s of "
            f"{there / header.rate:.2f} s would be heard, as its header is missing or "
            "wrong (MP3 of variable bit rate, or joined files?); convert it, as by "
            "'ffmpeg -i <file> <file>.wav'"
        )
    elif header.num_samples > 0:
        there = min(there, header.num_samples)
    if there >= _UNKNOWN_LENGTH:
        raise DataDirError(
            f"{place}: its header does not say how long it is; convert it, as by "
            "'ffmpeg -i <file> <file>.wav'"
        )
    known = 0 < header.num_samples < _UNKNOWN_LENGTH or there == 0
    return replace(header, num_samples=there, has_length=known)
