"""Audio: checked reading, and writing that leaves no half file."""

import io
import math
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from espnet_mtl.atomic import write_files
from espnet_mtl.data.audio_file import Header
from espnet_mtl.data.channels import ADVICE
from espnet_mtl.data.errors import DataDirError
from espnet_mtl.data.progress import LoopProgress
from espnet_mtl.data.samples import check_samples, to_16_bit
from espnet_mtl.data.sources import (
    check_formatted_value,
    read_source,
    read_source_header,
)

_SHOWN = 10


def read_audio_rate(
    path: Path | str, *, utt: str | None = None, may_be_silent: bool = False
) -> tuple[np.ndarray, int]:
    """Read mono audio of a formatted directory and check that there is sound in it.

    Args:
        path: A file (WAV, FLAC, MP3 or whatever else libsndfile reads), or a place in
            an archive that ESPnet reads on the same scale; see ``sources.py``.
        utt: Utterance id, for the message.
        may_be_silent: Whether there need be no sound: an attack may leave none.

    Returns:
        Samples in [-1, 1], float32, (Samples,), and the sampling rate in Hz.

    Raises:
        DataDirError: If it cannot be read or is empty, silent, stereo, or holds values
            that are not numbers or are far beyond full scale.
    """
    place = f"utterance {utt}: {path}" if utt else str(path)
    check_formatted_value(str(path), place)
    samples, rate = read_source(str(path), place)
    return check_samples(samples, place, may_be_silent=may_be_silent), rate


def read_audio(
    path: Path | str,
    rate: int | None = None,
    *,
    utt: str | None = None,
    may_be_silent: bool = False,
) -> np.ndarray:
    """Read mono audio of a known rate in Hz; ``None`` takes any.

    See :func:`read_audio_rate`.

    Returns:
        Samples in [-1, 1], float32, (Samples,).

    Raises:
        DataDirError: As :func:`read_audio_rate`, and if the rate is another.
    """
    samples, found = read_audio_rate(path, utt=utt, may_be_silent=may_be_silent)
    if rate is not None and found != rate:
        place = f"utterance {utt}: {path}" if utt else str(path)
        raise _wrong_rate(place, found, rate)
    return samples


def read_audio_headers(
    values: Mapping[str, str], rate: int | None = None, jobs: int = 8
) -> dict[str, Header]:
    """Read the headers of audio of a formatted directory, and check each.

    Nothing is decoded. What is wrong with all of it is told at once.

    Args:
        values: Values of ``wav.scp`` by utterance.
        rate: The rate in Hz that is needed; ``None`` takes any.
        jobs: Threads.

    Raises:
        DataDirError: If something is no audio, was cut short, has several channels, no
            sample or another rate, or is a command.
    """

    def read(item: tuple[str, str]) -> Header | str:
        utt, value = item
        try:
            return _read_formatted_header(value, f"utterance {utt}: {value}", rate)
        except DataDirError as error:
            return str(error)

    progress = LoopProgress(len(values), "headers")
    headers: dict[str, Header] = {}
    faults: list[str] = []
    with ThreadPoolExecutor(jobs) as pool:
        for utt, found in zip(values, pool.map(read, values.items()), strict=True):
            if isinstance(found, str):
                faults.append(found)
            else:
                headers[utt] = found
            progress.add()
    raise_faults(faults, len(values))
    return headers


def raise_faults(faults: Sequence[str], total: int) -> None:
    """Raise what is wrong with audio, all of it; of much, the first.

    Raises:
        DataDirError: If there is a fault.
    """
    if len(faults) == 1:
        raise DataDirError(faults[0])
    if faults:
        shown = "".join(f"\n  {fault}" for fault in faults[:_SHOWN])
        more = f"\n  ... and {len(faults) - _SHOWN} more" * (len(faults) > _SHOWN)
        raise DataDirError(
            f"{len(faults)} of {total} utterances have unusable audio:{shown}{more}"
        )


def _read_formatted_header(value: str, place: str, rate: int | None) -> Header:
    check_formatted_value(value, place)
    header = read_source_header(value, place)
    if header.channels != 1:
        raise DataDirError(
            f"{place}: {header.channels} channels; give one channel: {ADVICE}"
        )
    if header.num_samples <= 0:
        raise DataDirError(f"{place}: empty; remove the utterance")
    if not header.has_length:
        raise DataDirError(
            f"{place}: its header does not say how long it is, so that ESPnet would "
            "not read it; format the directory (--stage 3), and give the formatted one"
        )
    if rate is not None and header.rate != rate:
        raise _wrong_rate(place, header.rate, rate)
    return header


def _wrong_rate(place: str, found: int, rate: int) -> DataDirError:
    return DataDirError(
        f"{place}: sampled at {found} Hz, but {rate} Hz are needed; stage 3 resamples "
        f"(--fs {rate}), or give audio at {rate} Hz"
    )


def write_audio(
    path: Path | str, samples: np.ndarray, rate: int, subtype: str = "PCM_16"
) -> None:
    """Write a mono file that appears whole or not at all.

    Args:
        path: Its ending tells the format.
        samples: Samples in [-1, 1], (Samples,); for ``PCM_16`` also int16.
        rate: Sampling rate in Hz.
        subtype: Sample format, as soundfile names it.
    """
    path = Path(path)
    write_files({path: encode_audio(samples, rate, path.suffix[1:], subtype)})


def encode_audio(
    samples: np.ndarray, rate: int, kind: str, subtype: str = "PCM_16"
) -> bytes:
    """Return the content of a mono file of a kind such as ``flac``.

    See :func:`write_audio`.
    """
    if subtype == "PCM_16" and samples.dtype != np.int16:
        samples = to_16_bit(samples)
    # In memory first: soundfile does not always tell when a disk is full.
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, rate, subtype=subtype, format=kind.upper())
    return _without_time(buffer.getvalue())


def _without_time(content: bytes) -> bytes:
    """Set the time to 0 that libsndfile notes in WAV files of floats (chunk PEAK).

    The same samples are then the same file whenever it is written.
    """
    start = content[:128].find(b"PEAK")
    if start < 0:
        return content
    time = start + 12  # after the chunk's name, size and version
    return content[:time] + bytes(4) + content[time + 4 :]


def read_rate(rate: int | str) -> int:
    """Return a sampling rate in Hz, written as for ESPnet's ``--fs``: 16000 or 16k.

    Raises:
        DataDirError: If it is not a rate.
    """
    text = str(rate).strip().lower()
    try:
        hertz = float(text[:-1]) * 1000 if text.endswith("k") else float(text)
    except ValueError:
        hertz = 0.0
    if not 1 <= hertz < math.inf or hertz != int(hertz):
        raise DataDirError(f"--fs {rate}: not a sampling rate; write 16k or 16000")
    return int(hertz)


def read_model_rate(frontend_conf: Mapping[str, Any] | None) -> int:
    """Return the rate in Hz that a model's front end is configured for."""
    return read_rate((frontend_conf or {}).get("fs", 16000))  # ESPnet's default
