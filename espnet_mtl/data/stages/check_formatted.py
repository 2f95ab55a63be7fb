"""Check formatted directories, ours or made elsewhere, before ESPnet reads them."""

import logging
from collections.abc import Mapping
from pathlib import Path

from espnet_mtl.data.audio import read_audio_headers
from espnet_mtl.data.checks import check_formatted, some
from espnet_mtl.data.datadir import load_data_dir
from espnet_mtl.data.errors import DataDirError
from espnet_mtl.data.sources import check_formatted_value, split_ark
from espnet_mtl.data.stages.audio_stores import is_archive
from espnet_mtl.data.tables import read_lines


def check_formatted_dir(path: Path, rate: int) -> None:
    """Refuse directories that ESPnet cannot read, or whose audio it would read wrongly.

    Every header is read.

    Args:
        path: The directory.
        rate: The sampling rate in Hz that its audio is to have.

    Raises:
        DataDirError: If a table is faulty or missing, or ESPnet cannot read the audio,
            or would not read it in [-1, 1]; if audio was cut short, is stereo, or has
            another rate.
    """
    tables = load_data_dir(path)
    check_formatted(path, tables)
    _check_sources(path, tables["wav.scp"], _check_files(path))
    headers = read_audio_headers(tables["wav.scp"])
    rates = {utt: header.rate for utt, header in headers.items()}
    others = [utt for utt, found in rates.items() if found != rate]
    if others:
        found = rates[others[0]]
        raise DataDirError(
            f"{path / 'wav.scp'}: {some(others)} of {len(rates)} are not sampled at "
            f"{rate} Hz, as --fs says, but at {found} Hz: give --fs {found} as when it "
            "was formatted, or format it again (stage 3)"
        )
    logging.info("%s: %d utterances", path, len(tables["wav.scp"]))


def _check_files(path: Path) -> str:
    """Check what the directory says of itself: ESPnet goes by it. Give the format."""
    feats_type = _read_word(path / "feats_type", "raw")
    if not feats_type.startswith("raw"):
        raise DataDirError(
            f"{path / 'feats_type'}: '{feats_type}', but audio is needed (raw): the "
            "attack changes samples; format the directory by stage 3"
        )
    file = path / "audio_format"
    audio_format = _read_word(file, "flac")
    if "multi" in audio_format:
        raise DataDirError(
            f"{file}: '{audio_format}', but one channel is needed; format the "
            "directory by stage 3"
        )
    return audio_format


def _check_sources(path: Path, values: Mapping[str, str], audio_format: str) -> None:
    """Look at every value, but into each archive only once."""
    seen = set()
    for number, (utt, value) in enumerate(values.items(), start=1):
        ark = split_ark(value)
        place = f"{path / 'wav.scp'}:{number}: {utt} {value}"
        if ark is None or ark[0] not in seen:
            check_formatted_value(value, place)
        if ark is not None:
            seen.add(ark[0])
        if is_archive(audio_format) != (ark is not None):
            raise _wrong_format(path / "audio_format", audio_format, place, values)


def _wrong_format(
    file: Path, audio_format: str, place: str, values: Mapping[str, str]
) -> DataDirError:
    """Say what to do: ESPnet reads either files or archives, and no mix of them."""
    in_archives = sum(split_ark(value) is not None for value in values.values())
    if 0 < in_archives < len(values):
        fix = (
            f"{in_archives} of {len(values)} utterances are in archives and the others "
            "are not, but ESPnet reads either; format the directory by stage 3"
        )
    else:
        fix = f"write '{'wav.ark' if in_archives else 'flac'}' to {file}"
    return DataDirError(f"{place}: does not match '{audio_format}' in {file}; {fix}")


def _read_word(path: Path, absent: str) -> str:
    return " ".join(read_lines(path)).strip() if path.exists() else absent
