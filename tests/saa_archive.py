"""A tiny Speech Accent Archive, read by a synthesiser that tells when each word begins."""

import ctypes
import re
from pathlib import Path
from types import ModuleType

import numpy as np
import soundfile

PASSAGE = """\
Please call Stella.  Ask her to bring these things with her from the store:  Six spoons \
of fresh snow peas, five thick slabs of blue cheese, and maybe a snack for her brother \
Bob.  We also need a small plastic snake and a big toy frog for the kids.  She can scoop \
these things into three red bags, and we will go meet her Wednesday at the train station.
"""
WORDS = re.findall(r"[a-z]+", PASSAGE.lower())
_EVENT_WORD = 1  # of espeak-ng's public header, speak_lib.h


class _Event(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", ctypes.c_char * 8),
    )


def read_aloud(
    espeak: ModuleType,
    text: str = PASSAGE,
    voice: str = "en-us+m1",
    pitch: int = 40,
    rate: int = 150,
) -> tuple[np.ndarray, int, dict[int, float]]:
    """Read a text: samples (int16), their rate, and seconds by place in the text.

    The times are those at which the synthesiser begins words; it tells of one word
    where it says two as one.
    """
    events: dict[int, int] = {}

    class Reader(espeak.Espeak):
        def _collect(self, samples, num_samples, first):
            event = ctypes.cast(first, ctypes.POINTER(_Event))
            place = 0
            while event[place].type:
                if event[place].type == _EVENT_WORD:
                    at = event[place].text_position - 1
                    events.setdefault(at, event[place].audio_position)
                place += 1
            return super()._collect(samples, num_samples, first)

    language = voice.split("+")[0]
    with espeak.linked_data([language]) as data, Reader(voice, data) as reader:
        samples = reader.say(text, pitch, rate, seed=1)
        return samples, reader.fs, {at: ms / 1000 for at, ms in events.items()}
