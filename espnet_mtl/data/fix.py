"""Mend a data directory: sort its tables, keep what every table has."""

import argparse
import logging
import shutil
from pathlib import Path

from espnet_mtl.data.datadir import UTTERANCE_FILES, write_data_dir
from espnet_mtl.data.errors import DataDirError
from espnet_mtl.errors import run_main, setup_logging


def fix_data_dir(directory: Path, extra_files: list[str]) -> None:
    """Sort every table, drop doubled keys and keep the utterances all tables share.

    The tables as they were go to ``<directory>/.backup``.

    Args:
        directory: The data directory.
        extra_files: Names of further tables with one line an utterance.

    Raises:
        DataDirError: If the tables share nothing.
    """
    names = dict.fromkeys([*UTTERANCE_FILES, *extra_files])
    paths = {n: directory / n for n in names if (directory / n).is_file()}
    if "utt2spk" not in paths:
        raise DataDirError(f"{directory / 'utt2spk'}: no such file")
    tables = {name: _read_loosely(path) for name, path in paths.items()}
    kept = set.intersection(*(set(table) for table in tables.values()))
    if not kept:
        raise DataDirError(
            f"{directory}: {', '.join(tables)} share no utterance; compare their keys"
        )
    backup = directory / ".backup"
    backup.mkdir(exist_ok=True)
    for name, path in paths.items():
        shutil.copyfile(path, backup / name)
    write_data_dir(
        directory,
        {name: {k: t[k] for k in kept} for name, t in tables.items()},
    )
    largest = max(len(table) for table in tables.values())
    logging.info("%s: kept %d of %d utterances", directory, len(kept), largest)


def _read_loosely(path: Path) -> dict[str, str]:
    """Read a table with faults: the first of doubled keys, no line without a value."""
    table: dict[str, str] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        key, _, value = line.strip().partition(" ")
        if key and value.strip():
            table.setdefault(key, value.strip())
    return table


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
