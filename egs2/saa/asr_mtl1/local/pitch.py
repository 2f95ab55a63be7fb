"""Two classes of voices, by the median pitch of a reading."""

import math
from collections.abc import Mapping
from pathlib import Path

import msgspec
import numpy as np
from align import FS, Alignment, read_reading

from espnet_mtl.data.progress import LoopProgress
from espnet_mtl.data.sources import source_version
from espnet_mtl.journal import Journal, read_journals
from espnet_mtl.provenance import hash_file, hash_value

LOW, HIGH = "low", "high"
_SECONDS = 4.0  # of words, from the start of the reading: enough for a median
_LOWEST, _HIGHEST = 60.0, 400.0  # Hz
_FRAME, _HOP = 512, 160  # samples


class Pitch(msgspec.Struct, frozen=True):
    """Median pitch in Hz; ``None`` where nothing is voiced."""

    hertz: float | None


def measure(samples: np.ndarray, alignment: Alignment) -> Pitch:
    """Find the median pitch of a reading's words, by pYIN (Mauch and Dixon 2014).

    Samples at 8 kHz, float32, (Samples,).
    """
    import librosa  # here: it takes long, and other labels do without

    words = [samples[round(w.start * FS) : round(w.end * FS)] for w in alignment.words]
    speech = np.concatenate(words)[: int(_SECONDS * FS)]
    pitch, is_voiced, _ = librosa.pyin(
        speech,
        fmin=_LOWEST,
        fmax=_HIGHEST,
        sr=FS,
        frame_length=_FRAME,
        hop_length=_HOP,
    )
    if not is_voiced.any():
        return Pitch(None)
    return Pitch(round(float(np.median(pitch[is_voiced])), 2))


def measure_all(
    alignments: Mapping[str, Alignment], journal: Path
) -> dict[str, float | None]:
    """Find the median pitch, in Hz, of readings by their paths; kept as alignments are.

    Raises:
        UserError: If another process writes the journal.
    """
    maker = hash_file(__file__)
    made_of = {
        path: hash_value([*source_version(path)[1:], msgspec.to_builtins(one), maker])
        for path, one in alignments.items()
    }
    known = read_journals([journal], Pitch)
    progress = LoopProgress(len(alignments), "pitch", "readings")
    found: dict[str, float | None] = {}
    with Journal(journal) as notes:
        for path, alignment in alignments.items():
            pitch = known.get((path, made_of[path]))
            if pitch is None:
                pitch = measure(read_reading(path), alignment)
                notes.append(made_of[path], {path: pitch})
            found[path] = pitch.hertz
            progress.add()
    return found


def find_boundary(pitches: list[float]) -> float:
    """Find the pitch in Hz that parts low voices from high ones: 2-means of logarithms.

    The one split of the sorted values with the least sum of squares within both parts.
    """
    logs = np.sort(np.log(pitches))
    costs = [
        logs[:place].var() * place + logs[place:].var() * (len(logs) - place)
        for place in range(1, len(logs))
    ]
    place = int(np.argmin(costs)) + 1
    return math.exp((logs[place - 1] + logs[place]) / 2)
