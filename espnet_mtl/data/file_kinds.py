"""Which files belong to a data directory, and what their lines are about.

Names are those of Kaldi and ESPnet. A table of the user's own belongs to the directory
when its name says what it is about: ``utt2<anything>``, ``spk2<anything>``,
``reco2<anything>``, ``text_<anything>``, ``text.<anything>``.
"""

from enum import Enum
from fnmatch import fnmatchcase

# The accent of an utterance whose accent is not known.
UNKNOWN_ACCENT = "<unk>"


class Kind(Enum):
    """What one line of a file is about."""

    UTTERANCE = "utterance"
    SPEAKER = "speaker"
    RECORDING = "recording"


# Tables that, where they are there, have a line for each of what they are about.
# (wav.scp is about recordings where there is "segments".)
COMPLETE = {
    **dict.fromkeys(
        "wav.scp segments text utt2spk utt2accent utt2dur utt2lang utt2num_frames "
        "utt2num_samples utt2uniq utt2warp feats.scp vad.scp".split(),
        Kind.UTTERANCE,
    ),
    **dict.fromkeys(["cmvn.scp", "spk2gender", "spk2warp"], Kind.SPEAKER),
    **dict.fromkeys(
        ["reco2dur", "reco2file_and_channel", "reco2num_frames"], Kind.RECORDING
    ),
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
WHOLE = ("audio_format", "feats_dim", "feats_type", "frame_shift", "glm")
# spk2utt is the inverse of utt2spk, accent2utt of utt2accent: always made again.
_INVERSE = "*2utt"
# Copies that editors and people leave, archives, and audio lists of ESPnet's
# enhancement (spk1.scp, spk2.scp): none is a table, although the name begins like one.
_NO_TABLE = ("*~", "*.bak", "*.gz", "*.old", "*.orig", "*.swp", "*.tmp", "spk2.scp")


def kind_of(name: str, has_segments: bool) -> Kind | None:
    """Tell by its name what the lines of a table are about; ``None`` for no table."""
    if name == "wav.scp" and has_segments:
        return Kind.RECORDING
    if name in COMPLETE:
        return COMPLETE[name]
    if is_inverse(name) or any(fnmatchcase(name, pattern) for pattern in _NO_TABLE):
        return None
    return next((kind for own, kind in _OWN.items() if fnmatchcase(name, own)), None)


def is_inverse(name: str) -> bool:
    """Tell whether a table is made of another one, as ``spk2utt`` is."""
    return fnmatchcase(name, _INVERSE)


def inverse_of(name: str) -> str | None:
    """Name the inverse of a table, such as ``spk2utt``, where there is one."""
    if name == "segments":
        return "reco2utt"
    return f"{name.removeprefix('utt2')}2utt" if name.startswith("utt2") else None
