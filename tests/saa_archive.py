"""A tiny Speech Accent Archive, read by a synthesiser that tells its words' times."""

import ctypes
import re
from pathlib import Path
from types import ModuleType

import numpy as np
import soundfile

PASSAGE = """\
Please call Stella.  Ask her to bring these things with her from the store:  Six \
spoons of fresh snow peas, five thick slabs of blue cheese, and maybe a snack for her \
brother Bob.  We also need a small plastic snake and a big toy frog for the kids.  \
She can scoop these things into three red bags, and we will go meet her Wednesday at \
the train station.
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


# Sentences that somebody leaves out, and says again and again.
_LEFT_OUT = "six spoons of fresh snow peas, five thick slabs of blue cheese, "
_REPEATED = "She can scoop these things into three red bags, "
_STOPS_AFTER = "a big toy frog"
# Who reads what: the first language, and a voice that the aligner can follow.
SOUND = {
    "english1": ("english", "en-us+f2", 70, 140),
    "english2": ("english", "en-us+f5", 15, 140),
    "english3": ("english", "en-us+f5", 60, 150),
    "english4": ("english", "en-us+f2", 15, 150),
    "haitian_creole1": ("haitian_creole", "en-us+f2", 20, 145),
    "haitian_creole2": ("haitian_creole", "en-us+f5", 65, 145),
    "haitian_creole3": ("haitian_creole", "en-us+f2", 60, 135),
    "dutch1": ("dutch", "en-us+f2", 75, 145),
    "dutch2": ("dutch", "en-us+f5", 25, 145),
    "dutch3": ("dutch", "en-us+f5", 70, 140),
}
LOW = {name for name, (_, _, pitch, _) in SOUND.items() if pitch < 40}
DEPARTING = {
    "english5": PASSAGE[: PASSAGE.index(_STOPS_AFTER)],
    "dutch4": PASSAGE.replace(_LEFT_OUT.capitalize(), ""),
    "haitian_creole4": PASSAGE.replace(_REPEATED, 5 * _REPEATED),
}
TABLE_COLUMNS = (
    "age,age_onset,birthplace,filename,native_language,sex,speakerid,country,"
    "file_missing?,,,"
)


class Archive:
    """Synthesised readings, and copies of the archive made of them.

    Args:
        espeak: ``local/espeak.py`` of mini_accent.

    Attributes:
        starts: Seconds at which words begin, by reading and number of the word.
    """

    def __init__(self, espeak: ModuleType) -> None:
        self.starts: dict[str, dict[int, float]] = {}
        self._samples = {}
        places = [match.start() for match in re.finditer("[a-z]+", PASSAGE.lower())]
        for name, (_, *voice) in SOUND.items():
            samples, self.fs, begun = read_aloud(espeak, PASSAGE, *voice)
            self._samples[name] = samples
            self.starts[name] = {
                number: begun[at] for number, at in enumerate(places) if at in begun
            }
        for name, text in DEPARTING.items():
            samples, _, _ = read_aloud(espeak, text, "en-us+f2", 50, 140)
            self._samples[name] = samples

    def make_folders(self, root: Path) -> Path:
        """Write a folder of recordings for each first language; no table."""
        for name, samples in self._samples.items():
            folder = root / "recordings" / _language_of(name)
            folder.mkdir(parents=True, exist_ok=True)
            soundfile.write(folder / f"{name}.flac", samples, self.fs)
        (root / "reading-passage.txt").write_text(PASSAGE)
        return root

    def make_table(self, root: Path) -> Path:
        """Write all recordings to one folder, and a table with its oddities."""
        folder = root / "recordings"
        folder.mkdir(parents=True)
        rows = [TABLE_COLUMNS]
        for number, (name, samples) in enumerate(self._samples.items()):
            soundfile.write(folder / f"{name.replace('_', ' ')}.mp3", samples, self.fs)
            rows.append(row_of(name, number))
        (root / "reading-passage.txt").write_text(PASSAGE)
        (root / "speakers_all.csv").write_text("\n".join(rows) + "\n")
        return root


def _language_of(name: str) -> str:
    return name.rstrip("0123456789")


def row_of(name: str, speaker: int, *, missing: bool = False) -> str:
    """Write a row of the table: blanks in names and behind them, as it has them."""
    language = _language_of(name).replace("_", " ")
    sex = "male" if name in LOW else "female"
    shown = name.replace("_", " ")
    place = '"somewhere, by the sea"'
    return (
        f"27,9,{place},{shown} ,{language} ,{sex},{speaker},usa,"
        f"{str(missing).upper()},,,"
    )


def add_rows(table: Path, *rows: str) -> None:
    """Write further rows."""
    with (table / "speakers_all.csv").open("a") as file:
        file.write("\n".join(rows) + "\n")


def read_readings(
    reader: ModuleType, root: Path, label: str = "accent", languages: str = ""
) -> list:
    """Read a copy by ``local/archive.py``."""
    return reader.read_archive(reader.find_archive(str(root)), label, languages)
