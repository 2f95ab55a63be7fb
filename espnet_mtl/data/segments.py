"""``segments``: which part of which recording an utterance is."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from espnet_mtl.data.errors import DataDirError

# Kaldi's way to say "to the end of the recording".
TO_THE_END = -1.0


class Segment(NamedTuple):
    """A part of a recording.

    Attributes:
        recording: Its key in ``wav.scp``.
        start: In seconds.
        end: In seconds; -1 for the end of the recording.
    """

    recording: str
    start: float
    end: float


def parse_segments(path: Path | str, table: Mapping[str, str]) -> dict[str, Segment]:
    """Understand the lines of ``segments``, ``<recording> <start> <end>`` by utterance.

    Raises:
        DataDirError: If a line is not a segment; the message names the line.
    """
    return {
        utt: _parse(f"{path}:{number}", utt, value)
        for number, (utt, value) in enumerate(table.items(), start=1)
    }


def _parse(place: str, utt: str, value: str) -> Segment:
    fields = value.split()
    if len(fields) != 3:
        hint = ""
        if len(fields) == 4:
            hint = " (a channel is not written here: name one channel in wav.scp)"
        raise DataDirError(
            f"{place}: {len(fields) + 1} fields in '{utt} {value}'; write '<utterance> "
            f"<recording> <start> <end>', times in seconds{hint}"
        )
    recording, start, end = (
        fields[0],
        _seconds(place, fields[1]),
        _seconds(place, fields[2]),
    )
    if start < 0:
        raise DataDirError(
            f"{place}: '{utt}' starts at {fields[1]} s, before its recording; write 0 "
            "or later"
        )
    if end <= start and end != TO_THE_END:
        raise DataDirError(
            f"{place}: '{utt}' ends at {fields[2]} s, not after its start at "
            f"{fields[1]} s; write a later end, or -1 for the end of the recording"
        )
    return Segment(recording, start, end)


def _seconds(place: str, text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not math.isfinite(seconds):
        raise DataDirError(
            f"{place}: '{text}' is not a time; write seconds, such as 12.34"
        )
    return seconds
