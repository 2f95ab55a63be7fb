"""Mend a data directory: sort its tables, keep what every table has."""

import argparse
import logging
import shutil
from itertools import count
from pathlib import Path

from espnet_mtl.data.datadir import UTTERANCE_FILES, load_data_dir, write_data_dir
from espnet_mtl.data.errors import DataDirError
from espnet_mtl.data.tables import read_lines, render_table, split_line
from espnet_mtl.errors import run_main, setup_logging


def fix_data_dir(directory: Path, extra_files: list[str]) -> None:
    """Sort every table, drop doubled keys and keep the utterances all tables share.

    The tables as they were go to ``<directory>/.backup`` (``.backup.1`` and so on where
    there is one already).

    Args:
        directory: The data directory.
        extra_files: Names of further tables with one line an utterance.

    Raises:
        DataDirError: If the tables share nothing, or something is left that only the
            user can mend.
    """
    names = dict.fromkeys([*UTTERANCE_FILES, *extra_files])
    paths = {n: directory / n for n in names if (directory / n).is_file()}
    if "utt2spk" not in paths:
        raise DataDirError(
            f"{directory / 'utt2spk'}: no such file; write '<utterance> <speaker>' on "
            "each line"
        )
    tables = {name: _read_loosely(path) for name, path in paths.items()}
    kept = set.intersection(*(set(table) for table in tables.values()))
    if not kept:
        raise DataDirError(
            f"{directory}: {', '.join(tables)} share no utterance; compare their keys"
        )
    fixed = {n: {k: v for k, v in t.items() if k in kept} for n, t in tables.items()}
    if any(
        path.read_bytes() != render_table(path, fixed[name]).encode()
        for name, path in paths.items()
    ):
        _back_up(directory, list(paths.values()))
    write_data_dir(directory, fixed)
    total = len(set().union(*tables.values()))
    logging.info("%s: kept %d of %d utterances", directory, len(kept), total)
    load_data_dir(directory, list(paths))


def _read_loosely(path: Path) -> dict[str, str]:
    """Read a table with faults: the first of doubled keys, no line without a value."""
    table: dict[str, str] = {}
    doubled = []
    for line in read_lines(path):
        key, value = split_line(line)
        if value and table.setdefault(key, value) != value:
            doubled.append(key)
    if doubled:
        logging.warning(
            "%s: different values for %d doubled key(s), such as '%s': kept the first",
            path,
            len(doubled),
            doubled[0],
        )
    return table


def _back_up(directory: Path, paths: list[Path]) -> None:
    backup = directory / ".backup"
    for number in count(1):
        if not backup.exists():
            break
        backup = directory / f".backup.{number}"
    backup.mkdir()
    for path in paths:
        shutil.copyfile(path, backup / path.name)
    logging.info("%s: the tables as they were", backup)


def main(cmd: list[str] | None = None) -> None:
    """Run the command.

    Args:
        cmd: Command-line arguments; ``sys.argv`` when not given.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--utt_extra_files", "--utt-extra-files", default="")
    parser.add_argument("directory", type=Path)
    args = parser.parse_args(cmd)
    setup_logging()
    fix_data_dir(args.directory, args.utt_extra_files.split())


if __name__ == "__main__":
    run_main(main)
