"""Audio at another speed: what it is, and how ``wav.scp`` names it.

A directory of perturbed audio (stage 2) has no audio of its own. Each value of its
``wav.scp`` is a command that prints the audio, as in Kaldi, and so means the same to
whatever runs it. Stage 3 knows the command and does the same without a process for each
utterance.
"""

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from espnet_mtl.data.samples import check_samples, cut_segment, from_16_bit, to_16_bit
from espnet_mtl.data.segments import Segment

_PREFIX = re.compile(r"sp[\d.]+-")
_PROGRAM = "python3 -m espnet_mtl.bin.change_speed"


@dataclass(frozen=True)
class ChangedSpeed:
    """A recording, or a part of one, at another speed."""

    source: str
    factor: float
    part: Segment | None = None

    @property
    def value(self) -> str:
        """The value of ``wav.scp``: a command that prints WAV, 16 bits."""
        words = [repr(self.factor), self.source]
        if self.part is not None:
            words += [repr(self.part.start), repr(self.part.end)]
        return f"{_PROGRAM} {shlex.join(words)} |"

    @classmethod
    def from_value(cls, value: str) -> "ChangedSpeed | None":
        """Understand a value of ``wav.scp``.

        It is ``None`` unless the value is just what :attr:`value` writes: a shell may
        do more with other commands.
        """
        if not value.startswith(_PROGRAM):
            return None
        rest = value.removeprefix(_PROGRAM).removesuffix("|")
        try:
            # Taking quotes apart takes long, and most names need none.
            words = shlex.split(rest) if "'" in rest else rest.split()
            factor, source, *times = words
            changed = cls.of(source, float(factor), [float(time) for time in times])
        except (ValueError, TypeError):
            return None
        return changed if changed.value == value else None

    @classmethod
    def of(cls, source: str, factor: float, times: Sequence[float]) -> "ChangedSpeed":
        """Name a recording, or a part of it by its start and end in seconds."""
        return cls(source, factor, Segment(source, *times) if times else None)

    def apply(self, samples: np.ndarray, rate: int, place: str) -> np.ndarray:
        """Make the audio from that of the recording, (Samples, Channels), full scale 1.

        Returns:
            Samples at the same rate, in [-1, 1], float32, (Samples, 1), rounded to 16
            bits as the command prints them.

        Raises:
            DataDirError: If there is no such part, or :func:`check_samples` refuses it.
        """
        if self.part is not None:
            samples = cut_segment(samples, rate, self.part, place)
        mono = check_samples(samples, place)
        if self.factor != 1.0:
            mono = change_speed(mono, rate, self.factor)
        return from_16_bit(to_16_bit(mono))[:, np.newaxis]


def change_speed(samples: np.ndarray, rate: int, factor: float) -> np.ndarray:
    """Play faster or slower: tempo and pitch change alike (Ko et al. 2015, section 3).

    Samples in [-1, 1], (Samples,), become about ``Samples / factor`` at the same rate.
    """
    import soxr  # here: most that reads audio never changes its speed

    changed: np.ndarray = soxr.resample(samples, rate * factor, rate)
    return changed.clip(-1.0, 1.0)


def prefix_of(factor: float) -> str:
    """Return what ids begin with at a speed, as ``sp0.9-``; empty for speed 1."""
    return "" if factor == 1.0 else f"sp{factor:g}-"


def voice_of(utt: str, speaker: str) -> str:
    """Name an utterance's speaker without the mark of another speed."""
    prefix = _PREFIX.match(utt)
    return speaker.removeprefix(prefix[0]) if prefix else speaker
