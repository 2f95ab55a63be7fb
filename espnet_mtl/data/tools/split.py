"""Split a data directory for jobs that share the work."""

import argparse
import logging
from bisect import bisect_left
from itertools import accumulate
from pathlib import Path

from espnet_mtl.data.directory import cut, tell_left_out, write_directory
from espnet_mtl.data.errors import DataDirError
from espnet_mtl.data.file_kinds import list_files
from espnet_mtl.data.tables import read_table
from espnet_mtl.errors import run_main, setup_logging


def split_data_dir(directory: Path, number: int, *, per_utt: bool = False) -> Path:
    """Split a data directory into parts of nearly equal size, in the order it has.

    Args:
        directory: The directory.
        number: How many parts.
        per_utt: Whether a speaker's utterances may come into several parts.

    Returns:
        ``<directory>/split<number>``, or ``split<number>utt``; the parts in it are
        named 1, 2, ...

    Raises:
        DataDirError: If there are fewer speakers (or utterances) than parts, or a table
            is faulty.
    """
    files = list_files(directory)
    utt2spk = read_table(directory / "utt2spk")
    groups: dict[str, list[str]] = {}
    for utt, speaker in utt2spk.items():
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
    contents = cut(files, parts)
    for n, content in enumerate(contents, start=1):
        write_directory(folder / str(n), content)
    tell_left_out(files, set().union(*contents))
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


def main(cmd: list[str] | None = None) -> None:
    """Run the command.

    Args:
        cmd: Command-line arguments; ``sys.argv`` when not given.
    """
    parser = argparse.ArgumentParser(prog="split_data.sh", description=__doc__)
    parser.add_argument(
        "--per-utt", "--per_utt", action="store_true", help="split speakers, too"
    )
    parser.add_argument("directory", type=Path)
    parser.add_argument("number", type=int, help="how many parts")
    args = parser.parse_args(cmd)
    setup_logging()
    split_data_dir(args.directory, args.number, per_utt=args.per_utt)


if __name__ == "__main__":
    run_main(main)
