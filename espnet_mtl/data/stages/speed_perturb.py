"""Stage 2: more training data, by playing it slower and faster.

Only tables are written: stage 3 makes the audio when it formats it (:mod:`..speed`).
"""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from espnet_mtl.data.checks import check_apart, check_file_names
from espnet_mtl.data.datadir import DataDir
from espnet_mtl.data.errors import DataDirError
from espnet_mtl.data.file_kinds import Kind
from espnet_mtl.data.speed import ChangedSpeed, prefix_of
from espnet_mtl.data.tables import Table

# What they say does not hold for audio at another speed.
_OF_THE_OLD_AUDIO = (
    "wav.scp",
    "segments",
    "utt2dur",
    "utt2num_samples",
    "utt2num_frames",
    "feats.scp",
    "vad.scp",
    "cmvn.scp",
)


class _Copy(NamedTuple):
    """An utterance at one speed; its name and its speaker's begin with the prefix."""

    utt: str
    factor: float
    prefix: str


def perturb_data_dir_speed(source: Path, target: Path, factors: list[float]) -> None:
    """Write a data directory with a copy of each utterance for each speed.

    A copy at speed 0.9 is named ``sp0.9-<utterance>`` and has a speaker of its own,
    ``sp0.9-<speaker>``, since its pitch is another; its text and accent stay. At speed
    1 the utterance keeps its name and its audio. There are no ``segments``: each
    utterance names its own part of a recording.

    Raises:
        DataDirError: If a table is faulty, or the name of a copy is taken.
    """
    check_apart(source, target)
    loaded = DataDir.load(source, may_be_empty=("text",))
    longest = max(map(prefix_of, factors), key=len)
    check_file_names(source / "utt2spk", loaded.utts, prefix=longest)
    copies = _name_copies(source / "utt2spk", loaded.utts, factors)
    directory = DataDir.read(source)
    tables = {
        name: _perturb_table(name, table, directory, copies)
        for name, table in directory.tables.items()
        if directory.kinds[name] != Kind.RECORDING and name not in _OF_THE_OLD_AUDIO
    }
    tables["wav.scp"] = {key: _name_audio(loaded, c) for key, c in copies.items()}
    perturbed = DataDir(source, tables, inverses=directory.inverses)
    written = perturbed.write(target)
    directory.tell_left_out([*written, *_OF_THE_OLD_AUDIO])


def _name_audio(directory: DataDir, copy: _Copy) -> str:
    value = directory.tables["wav.scp"][directory.recording_of(copy.utt)]
    part = directory.segments.get(copy.utt)
    if copy.factor == 1.0 and part is None:
        return value
    return ChangedSpeed(value, copy.factor, part).value


def _perturb_table(
    name: str, table: Table, directory: DataDir, copies: Mapping[str, _Copy]
) -> Table:
    utt2spk = directory.tables["utt2spk"]
    new = {}
    for key, copy in copies.items():
        old = copy.utt
        if directory.kinds[name] == Kind.SPEAKER:
            old = utt2spk[copy.utt]
            key = copy.prefix + old
        if old in table:
            new[key] = copy.prefix + table[old] if name == "utt2spk" else table[old]
    return new


def _name_copies(path: Path, utts: list[str], factors: list[float]) -> dict[str, _Copy]:
    """Name all copies; refuse names of which one of two utterances would be lost."""
    copies: dict[str, _Copy] = {}
    for number, utt in enumerate(utts, start=1):
        for factor in factors:
            prefix = prefix_of(factor)
            copy = copies.setdefault(prefix + utt, _Copy(utt, factor, prefix))
            if copy.utt != utt:
                raise DataDirError(
                    f"{path}:{number}: '{utt}' and '{copy.utt}' would both give "
                    f"'{prefix}{utt}' at the speeds "
                    f"{', '.join(f'{f:g}' for f in factors)}; give one another name in "
                    "every file, or leave out --speed_perturb_factors if the data are "
                    "perturbed already"
                )
    return copies


def read_factors(text: str) -> list[float]:
    """Read speeds as ``--speed_perturb_factors`` takes them, such as ``0.9 1.0 1.1``.

    Raises:
        DataDirError: If one is not a speed, or is given twice.
    """
    try:
        factors = [float(word) for word in text.split()]
    except ValueError:
        factors = []
    if (
        not factors
        or len(set(map(prefix_of, factors))) < len(factors)
        or not all(0.1 <= factor <= 10 for factor in factors)
    ):
        raise DataDirError(
            f"--speed_perturb_factors '{text}': write different speeds between 0.1 and "
            "10, such as '0.9 1.0 1.1'"
        )
    return factors
