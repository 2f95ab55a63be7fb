"""Which files belong to a data directory, and what their lines are about.

Names are those of Kaldi and ESPnet. A table of the user's own belongs to the directory
when its name says what it is about: ``utt2<anything>``, ``spk2<anything>``,
``reco2<anything>``, ``text_<anything>``, ``text.<anything>``.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from fnmatch import fnmatchcase
from pathlib import Path

from espnet_mtl.data.errors import DataDirError
from espnet_mtl.data.tables import read_lines, split_line


class Kind(Enum):
    """What one line of a file is about."""

    UTTERANCE = "utterance"
    SPEAKER = "speaker"
    RECORDING = "recording"


# Tables that, where they are there, have a line for each of what they are about.
COMPLETE = {
    "wav.scp": Kind.UTTERANCE,  # of recordings where there is "segments"
    "segments": Kind.UTTERANCE,
    "text": Kind.UTTERANCE,
    "utt2spk": Kind.UTTERANCE,
    "utt2accent": Kind.UTTERANCE,
    "utt2dur": Kind.UTTERANCE,
    "utt2lang": Kind.UTTERANCE,
    "utt2num_frames": Kind.UTTERANCE,
    "utt2num_samples": Kind.UTTERANCE,
    "utt2uniq": Kind.UTTERANCE,
    "utt2warp": Kind.UTTERANCE,
    "feats.scp": Kind.UTTERANCE,
    "vad.scp": Kind.UTTERANCE,
    "cmvn.scp": Kind.SPEAKER,
    "spk2gender": Kind.SPEAKER,
    "spk2warp": Kind.SPEAKER,
    "reco2dur": Kind.RECORDING,
    "reco2file_and_channel": Kind.RECORDING,
    "reco2num_frames": Kind.RECORDING,
}
# Tables of the user's own; they may lack lines.
_OWN = {
    "utt2*": Kind.UTTERANCE,
    "text_*": Kind.UTTERANCE,
    "text.*": Kind.UTTERANCE,
    "spk2*": Kind.SPEAKER,
    "reco2*": Kind.RECORDING,
}
# About the directory as a whole.
_WHOLE = ("audio_format", "feats_dim", "feats_type", "frame_shift", "glm")
# spk2utt is the inverse of utt2spk, accent2utt of utt2accent: always made anew.
_INVERSE = "*2utt"
# Copies that editors and people leave, archives, and audio lists of ESPnet's
# enhancement (spk1.scp, spk2.scp): none is a table, although the name begins like one.
_NO_TABLE = ("*~", "*.bak", "*.gz", "*.old", "*.orig", "*.swp", "*.tmp", "spk2.scp")


@dataclass(frozen=True)
class Files:
    """The files of a data directory.

    Attributes:
        path: The directory.
        tables: What the lines of each table are about, by file name.
        inverses: Names of tables that are made of others (``spk2utt`` and such).
        whole: Names of files about the directory as a whole.
        unknown: Names of everything else that is not hidden; folders end with '/'.
    """

    path: Path
    tables: Mapping[str, Kind]
    inverses: tuple[str, ...]
    whole: tuple[str, ...]
    unknown: tuple[str, ...]


def list_files(path: Path | str, extra: Mapping[str, Kind] | None = None) -> Files:
    """Sort the files of a data directory by what they are about.

    Args:
        path: The directory.
        extra: Further tables, by file name.

    Returns:
        The files. A table of the user's own that names no utterance, speaker or
        recording of the directory counts as unknown.

    Raises:
        DataDirError: If there is no directory, or no ``utt2spk`` in it.
    """
    path = Path(path)
    if not path.is_dir():
        raise DataDirError(f"{path}: no such data directory")
    if not (path / "utt2spk").is_file():
        raise DataDirError(
            f"{path / 'utt2spk'}: no such file; write '<utterance> <speaker>' on each "
            "line"
        )
    names = sorted(p.name for p in path.iterdir() if not p.name.startswith("."))
    tables: dict[str, Kind] = {}
    inverses, whole, unknown = [], [], []
    subjects = _Subjects(path)
    for name in names:
        kind = kind_of(name, subjects.has_segments) or (extra or {}).get(name)
        if not (path / name).is_file():
            unknown.append(f"{name}/" if (path / name).is_dir() else name)
        elif name in _WHOLE:
            whole.append(name)
        elif is_inverse(name):
            inverses.append(name)
        elif kind and (name in COMPLETE or subjects.are_in(name, kind)):
            tables[name] = kind
        else:
            unknown.append(name)
    return Files(path, tables, tuple(inverses), tuple(whole), tuple(unknown))


def kind_of(name: str, has_segments: bool) -> Kind | None:
    """Tell by its name what the lines of a table are about.

    Args:
        name: The file's name.
        has_segments: Whether utterances are parts of recordings.

    Returns:
        What they are about; ``None`` for what is no table of a data directory.
    """
    if name == "wav.scp" and has_segments:
        return Kind.RECORDING
    if name in COMPLETE:
        return COMPLETE[name]
    if is_inverse(name) or any(fnmatchcase(name, pattern) for pattern in _NO_TABLE):
        return None
    return next((kind for own, kind in _OWN.items() if fnmatchcase(name, own)), None)


def is_inverse(name: str) -> bool:
    """Tell whether a table is made of another one.

    Args:
        name: The file's name.

    Returns:
        Whether it lists utterances, as ``spk2utt`` does.
    """
    return fnmatchcase(name, _INVERSE)


def inverse_of(name: str) -> str | None:
    """Name the table that lists the utterances of each value of a table.

    Args:
        name: The table, such as ``utt2spk`` or ``segments``.

    Returns:
        Such as ``spk2utt`` or ``reco2utt``; ``None`` where there is none.
    """
    if name == "segments":
        return "reco2utt"
    return f"{name.removeprefix('utt2')}2utt" if name.startswith("utt2") else None


class _Subjects:
    """The utterances, speakers and recordings of a directory, read when asked for."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known: dict[Kind, set[str]] = {}
        self.has_segments = (path / "segments").is_file()

    def are_in(self, name: str, kind: Kind) -> bool:
        """Whether a table has a line about any of them."""
        if not self._known:
            lines = [split_line(line) for line in read_lines(self._path / "utt2spk")]
            utts = {utt for utt, _ in lines}
            self._known = {
                Kind.UTTERANCE: utts,
                Kind.SPEAKER: {speaker for _, speaker in lines},
                Kind.RECORDING: self._recordings() if self.has_segments else utts,
            }
        known = self._known[kind]
        return any(split_line(ln)[0] in known for ln in read_lines(self._path / name))

    def _recordings(self) -> set[str]:
        lines = read_lines(self._path / "segments")
        return {split_line(split_line(line)[1])[0] for line in lines}
