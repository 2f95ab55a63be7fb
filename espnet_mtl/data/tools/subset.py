"""Copy a part of a data directory."""

import argparse
import hashlib
import logging
from collections.abc import Collection
from pathlib import Path

from espnet_mtl.data.datadir import check_apart
from espnet_mtl.data.directory import cut, tell_left_out, write_directory
from espnet_mtl.data.errors import DataDirError
from espnet_mtl.data.file_kinds import list_files
from espnet_mtl.data.tables import read_lines, read_table, split_line
from espnet_mtl.data.tools.lengths import read_lengths
from espnet_mtl.errors import run_main, setup_logging

_USAGE = """subset_data_dir.sh [how] <source> <number> <target>
       subset_data_dir.sh --utt-list <file> <source> <target>
       subset_data_dir.sh --spk-list <file> <source> <target>"""


def subset_data_dir(
    source: Path | str, target: Path | str, utts: Collection[str]
) -> None:
    """Copy a data directory with some of its utterances: every file that belongs to it.

    Args:
        source: The directory to copy.
        target: The directory to write.
        utts: The utterances to keep.

    Raises:
        DataDirError: If a table is faulty, or lacks an utterance.
    """
    source, target = Path(source), Path(target)
    check_apart(source, target)
    files = list_files(source)
    [kept] = cut(files, [utts])
    write_directory(target, kept)
    tell_left_out(files, kept)


def choose(source: Path, how: str, number: int) -> list[str]:
    """Choose utterances; the same ones whenever asked.

    Args:
        source: Data directory.
        how: ``even`` (spread over the whole list), ``first``, ``last``, ``shortest``,
            ``per_spk`` (up to so many of each speaker, spread over their lists) or
            ``speakers`` (whole speakers in a drawn order, until there are as many).
        number: How many.

    Returns:
        The utterances.

    Raises:
        DataDirError: If there are fewer, or their lengths cannot be told.
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
    of_speaker = _by_speaker(utt2spk)
    if how == "per_spk":
        return [u for some in of_speaker.values() for u in _spread(some, number)]
    chosen: list[str] = []
    for speaker in sorted(of_speaker, key=_draw):
        if len(chosen) < number:
            chosen += of_speaker[speaker]
    return chosen


def choose_listed(source: Path, names: Path, *, speakers: bool) -> list[str]:
    """Choose the utterances that a list names, or whose speakers it names.

    Args:
        source: Data directory.
        names: A file; the first word of each line counts.
        speakers: Whether it names speakers.

    Returns:
        The utterances.

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


def _by_speaker(utt2spk: dict[str, str]) -> dict[str, list[str]]:
    of_speaker: dict[str, list[str]] = {}
    for utt, speaker in utt2spk.items():
        of_speaker.setdefault(speaker, []).append(utt)
    return of_speaker


def _draw(name: str) -> bytes:
    # By the name alone: more speakers do not change the order of those there were.
    return hashlib.sha256(name.encode()).digest()


def main(cmd: list[str] | None = None) -> None:
    """Run the command.

    Args:
        cmd: Command-line arguments; ``sys.argv`` when not given.
    """
    parser = argparse.ArgumentParser(usage=_USAGE, description=__doc__)
    how = parser.add_mutually_exclusive_group()
    for name, what in _HOW.items():
        flag = name.replace("_", "-")
        flags = dict.fromkeys([f"--{flag}", f"--{name}"])
        how.add_argument(
            *flags, dest="how", action="store_const", const=name, help=what
        )
    how.add_argument("--utt-list", "--utt_list", type=Path, help="utterances to keep")
    how.add_argument("--spk-list", "--spk_list", type=Path, help="speakers to keep")
    parser.add_argument("arguments", nargs="+", metavar="directories and number")
    args = parser.parse_args(cmd)
    setup_logging()
    names = args.utt_list or args.spk_list
    if len(args.arguments) != (2 if names else 3):
        parser.error(f"{len(args.arguments)} arguments given")
    source, target = Path(args.arguments[0]), Path(args.arguments[-1])
    check_apart(source, target)
    if names:
        utts = choose_listed(source, names, speakers=args.spk_list is not None)
    elif not args.arguments[1].isdecimal():
        parser.error(f"'{args.arguments[1]}' is no number of utterances")
    else:
        utts = choose(source, args.how or "even", int(args.arguments[1]))
    subset_data_dir(source, target, utts)
    logging.info("%s: %d utterances of %s", target, len(utts), source)


_HOW = {
    "first": "the first so many utterances",
    "last": "the last ones",
    "shortest": "the shortest ones",
    "per_spk": "up to so many of each speaker",
    "speakers": "speakers, drawn until they have so many utterances",
}


if __name__ == "__main__":
    run_main(main)
