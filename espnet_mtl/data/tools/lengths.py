"""How long utterances are: from a table if there is one, else from the audio."""

from pathlib import Path

from espnet_mtl.data.errors import DataDirError
from espnet_mtl.data.progress import LoopProgress
from espnet_mtl.data.segments import TO_THE_END, parse_segments
from espnet_mtl.data.tables import read_table

_COUNTS = ("utt2dur", "utt2num_samples", "utt2num_frames")


def read_lengths(source: Path) -> dict[str, float]:
    """Read how long utterances are, all in one unit, to compare them.

    Raises:
        DataDirError: If a table is faulty, or audio cannot be read.
    """
    for name in _COUNTS:
        if (source / name).is_file():
            return _read_numbers(source, name)
    return read_seconds(source)


def read_seconds(source: Path) -> dict[str, float]:
    """Read how long utterances are; audio is opened only if no table has the lengths.

    Raises:
        DataDirError: If a table is faulty, or audio cannot be read.
    """
    if (source / "utt2dur").is_file():
        return _read_numbers(source, "utt2dur")
    path = source / "segments"
    if not path.is_file():
        return _read_audio_seconds(source, None)
    segments = parse_segments(path, read_table(path))
    open_ends = {s.recording for s in segments.values() if s.end == TO_THE_END}
    ends = _read_audio_seconds(source, open_ends)
    return {
        utt: (ends[s.recording] if s.end == TO_THE_END else s.end) - s.start
        for utt, s in segments.items()
    }


def _read_numbers(source: Path, name: str) -> dict[str, float]:
    numbers = {}
    for number, (utt, value) in enumerate(read_table(source / name).items(), start=1):
        try:
            numbers[utt] = float(value)
        except ValueError as error:
            raise DataDirError(
                f"{source / name}:{number}: '{value}' is not the length of '{utt}'; "
                "write a number, or remove the file"
            ) from error
    for utt in read_table(source / "utt2spk"):
        if utt not in numbers:
            raise DataDirError(
                f"{source / name}: no line for '{utt}'; add it, or remove the file"
            )
    return numbers


def _read_audio_seconds(source: Path, wanted: set[str] | None) -> dict[str, float]:
    values = read_table(source / "wav.scp") if wanted is None or wanted else {}
    values = {k: v for k, v in values.items() if wanted is None or k in wanted}
    progress = LoopProgress(len(values), "length", unit="recordings")
    seconds = {}
    for key, value in values.items():
        seconds[key] = _measure(value, f"{source / 'wav.scp'}: '{key}': {value}")
        progress.add()
    return seconds


def _measure(value: str, place: str) -> float:
    # Only where audio is looked at: the tools for tables are to start quickly.
    from espnet_mtl.data.sources import is_command, read_source, read_source_header

    if not is_command(value):
        return read_source_header(value, place).seconds
    samples, rate = read_source(value, place)
    return len(samples) / rate
