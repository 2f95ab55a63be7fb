"""Copy a part of a data directory."""

import hashlib
import logging
from collections.abc import Collection
from pathlib import Path

from espnet_mtl.data.checks import check_apart
from espnet_mtl.data.datadir import DataDir, invert
from espnet_mtl.data.errors import DataDirError
from espnet_mtl.data.tables import read_lines, read_table, split_line
from espnet_mtl.data.tools.lengths import read_lengths


def subset_data_dir(
    source: Path | str, target: Path | str, utts: Collection[str]
) -> None:
    """Copy a data directory with some of its utterances: every file that belongs to it.

    Raises:
        DataDirError: If a table is faulty, or lacks an utterance.
    """
    source, target = Path(source), Path(target)
    check_apart(source, target)
    directory = DataDir.read(source)
    [kept] = directory.cut([utts])
    directory.tell_left_out(kept.write(target))


def choose(source: Path, how: str, number: int) -> list[str]:
    """Choose utterances, the same ones every time.

    Args:
        how: ``even`` (spread over the whole list), ``first``, ``last``, ``shortest``,
            ``per_spk`` (up to so many of each speaker, spread over their lists) or
            ``speakers`` (whole speakers in a drawn order, until there are as many).

    Raises:
        DataDirError: If there are fewer, or their lengths are not known.
    """
    utt2spk = read_table(source / "utt2spk")
    utts = list(utt2spk)
    if number < 1 or (how != "per_spk" and number > len(utts)):
        raise DataDirError(
            f"{source / 'utt2spk'}: {number} of {len(utts)} utterances cannot be "
            f"chosen; ask for 1 to {len(utts)}"
        )
    if how == "first":
        return utts[:number]
    if how == "last":
        return utts[-number:]
    if how == "shortest":
        lengths = read_lengths(source)
        return sorted(utts, key=lambda utt: lengths[utt])[:number]
    if how == "even":
        return _spread(utts, number)
    of_speaker = {s: u.split() for s, u in invert("utt2spk", utt2spk).items()}
    if how == "per_spk":
        return [u for some in of_speaker.values() for u in _spread(some, number)]
    chosen: list[str] = []
    for speaker in sorted(of_speaker, key=_draw):
        if len(chosen) < number:
            chosen += of_speaker[speaker]
    return chosen


def choose_listed(source: Path, names: Path, *, speakers: bool) -> list[str]:
    """Choose the utterances that a file lists, or those of the speakers that it lists.

    The first word of each line counts.

    Raises:
        DataDirError: If none is in the directory.
    """
    utt2spk = read_table(source / "utt2spk")
    listed = {split_line(line)[0] for line in read_lines(names)} - {""}
    known = set(utt2spk.values()) if speakers else utt2spk.keys()
    what = "speakers" if speakers else "utterances"
    absent = [name for name in sorted(listed) if name not in known]
    if len(absent) == len(listed):
        raise DataDirError(
            f"{names}: none of its {len(listed)} {what} is in {source / 'utt2spk'}; "
            "write one id at the beginning of each line"
        )
    if absent:
        logging.warning(
            "%s: %d of %d %s are not in %s, such as '%s'",
            *(names, len(absent), len(listed), what, source / "utt2spk", absent[0]),
        )
    return [u for u, spk in utt2spk.items() if (spk if speakers else u) in listed]


def _spread(utts: list[str], number: int) -> list[str]:
    number = min(number, len(utts))
    return [utts[i * len(utts) // number] for i in range(number)]


def _draw(name: str) -> bytes:
    # By the name alone: more speakers do not change the order of those there were.
    return hashlib.sha256(name.encode()).digest()
