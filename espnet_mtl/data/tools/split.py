"""Split a data directory for jobs that share the work."""

import logging
from bisect import bisect_left
from itertools import accumulate
from pathlib import Path

from espnet_mtl.data.datadir import DataDir
from espnet_mtl.data.errors import DataDirError


def split_data_dir(directory: Path, number: int, *, per_utt: bool = False) -> Path:
    """Split a data directory into parts of nearly equal size, in the order it has.

    With ``per_utt``, a speaker's utterances may come into several parts.

    Returns:
        ``<directory>/split<number>``, or ``split<number>utt``, with the parts 1, 2, ...

    Raises:
        DataDirError: If there are fewer speakers (or utterances) than parts, or a table
            is faulty.
    """
    whole = DataDir.read(directory)
    groups: dict[str, list[str]] = {}
    for utt, speaker in whole.tables["utt2spk"].items():
        groups.setdefault(utt if per_utt else speaker, []).append(utt)
    if not 1 <= number <= len(groups):
        what = "utterances" if per_utt else "speakers"
        fix = "" if per_utt else "; or split by utterance (--per-utt)"
        raise DataDirError(
            f"{directory / 'utt2spk'}: {len(groups)} {what} cannot be split into "
            f"{number} parts; ask for 1 to {len(groups)}{fix}"
        )
    bounds = _find_bounds([len(utts) for utts in groups.values()], number)
    groups_in_order = list(groups.values())
    parts = [
        [utt for utts in groups_in_order[begin:end] for utt in utts]
        for begin, end in zip(bounds, bounds[1:], strict=False)
    ]
    folder = directory / f"split{number}{'utt' if per_utt else ''}"
    written: set[str] = set()
    for n, part in enumerate(whole.cut(parts), start=1):
        written.update(part.write(folder / str(n)))
    whole.tell_left_out(written)
    logging.info(
        "%s: parts of %d to %d utterances",
        folder,
        min(len(part) for part in parts),
        max(len(part) for part in parts),
    )
    return folder


def _find_bounds(sizes: list[int], number: int) -> list[int]:
    """Cut a list of groups where the sums come nearest to equal; no part is empty."""
    sums = [0, *accumulate(sizes)]
    bounds = [0]
    for part in range(1, number):
        ideal = sums[-1] * part / number
        at = bisect_left(sums, ideal)
        if at > 0 and ideal - sums[at - 1] <= sums[at] - ideal:
            at -= 1
        bounds.append(min(max(at, bounds[-1] + 1), len(sizes) - number + part))
    return [*bounds, len(sizes)]
