"""Mend a data directory: sort its tables, keep what every table has."""

import argparse
import logging
from collections.abc import Iterable
from pathlib import Path

from espnet_mtl.atomic import write_files
from espnet_mtl.data.datadir import load_data_dir, some
from espnet_mtl.data.directory import Table, back_up, render
from espnet_mtl.data.errors import DataDirError
from espnet_mtl.data.file_kinds import Kind, list_files
from espnet_mtl.data.tables import read_lines, sort_keys, split_line
from espnet_mtl.data.tools.validate import find_disorder
from espnet_mtl.errors import run_main, setup_logging

# An utterance that one of them lacks is of no use; other tables only lose lines.
_NEEDED = (
    "segments",
    "wav.scp",
    "text",
    "utt2spk",
    "utt2accent",
    "utt2num_samples",
    "feats.scp",
)


def fix_data_dir(
    directory: Path, utt_files: Iterable[str] = (), spk_files: Iterable[str] = ()
) -> None:
    """Sort every table, drop doubled keys and keep the utterances all tables share.

    Tables of the user's own, such as ``utt2age``, may lack utterances. The tables as
    they were go to ``<directory>/.backup`` (``.backup.1`` and so on where there is one
    already).

    Args:
        directory: The data directory.
        utt_files: Names of further tables that need a line for each utterance.
        spk_files: Names of further tables that need a line for each speaker.

    Raises:
        DataDirError: If the tables share nothing, or something is left that only the
            user can mend.
    """
    utt_files, spk_files = list(utt_files), list(spk_files)
    extra = dict.fromkeys(utt_files, Kind.UTTERANCE)
    extra |= dict.fromkeys(spk_files, Kind.SPEAKER)
    files = list_files(directory, extra)
    needed = [
        name
        for name, kind in files.tables.items()
        if kind is Kind.UTTERANCE and name in (*_NEEDED, *utt_files)
    ]
    tables = {
        name: _read_loosely(directory / name, keep_empty=name not in needed)
        for name in files.tables
    }
    total = len(set().union(*(tables[name] for name in needed)))
    speakers = [tables[name] for name in spk_files if name in tables]
    kept = _find_kept(directory, tables, needed, speakers)
    owners = {
        Kind.UTTERANCE: kept,
        Kind.SPEAKER: {tables["utt2spk"][utt] for utt in kept},
        Kind.RECORDING: _recordings_of(tables, kept),
    }
    fixed: dict[str, bytes] = {}
    for name, kind in files.tables.items():
        table = {k: v for k, v in tables[name].items() if k in owners[kind]}
        fixed |= render(name, table, files.inverses)
    changed = [n for n in files.tables if (directory / n).read_bytes() != fixed[n]]
    if changed:
        back_up(directory, files.tables)
    write_files({directory / name: content for name, content in fixed.items()})
    logging.info("%s: kept %d of %d utterances", directory, len(kept), total)
    if files.unknown:
        logging.info("%s: left as they are: %s", directory, some(files.unknown, "file"))
    names = [*needed, *(name for name in files.tables if name == "wav.scp")]
    tables = load_data_dir(directory, names)
    disorder = find_disorder(directory / "utt2spk", tables["utt2spk"])
    if disorder:
        logging.warning("%s", disorder)


def _find_kept(
    directory: Path, tables: dict[str, Table], needed: list[str], speakers: list[Table]
) -> set[str]:
    """Find the utterances that every table has, and say what the others lack."""
    kept = set.intersection(*(set(tables[name]) for name in needed))
    if "segments" in tables:
        kept = _drop_lost(directory, tables, kept)
    for table in speakers:
        kept = {utt for utt in kept if tables["utt2spk"][utt] in table}
    if not kept:
        raise DataDirError(
            f"{directory}: {', '.join(needed)} share no utterance; compare their keys"
        )
    for name in needed:
        lacking = [utt for utt in tables["utt2spk"] if utt not in tables[name]]
        if lacking:
            logging.info("%s: no line for %s", directory / name, some(lacking))
    return kept


def _drop_lost(directory: Path, tables: dict[str, Table], utts: set[str]) -> set[str]:
    """Drop the utterances whose recording is not there."""
    recordings = tables.get("wav.scp", {})
    segments = tables["segments"]
    lost = [u for u in utts if split_line(segments[u])[0] not in recordings]
    if lost:
        logging.info(
            "%s: no recording for %s", directory / "wav.scp", some(sort_keys(lost))
        )
    return utts - set(lost)


def _recordings_of(tables: dict[str, Table], utts: set[str]) -> set[str]:
    if "segments" not in tables:
        return utts
    return {split_line(tables["segments"][utt])[0] for utt in utts}


def _read_loosely(path: Path, *, keep_empty: bool) -> Table:
    """Read a table with faults: the first of doubled keys counts."""
    table: Table = {}
    doubled = []
    for line in read_lines(path):
        key, value = split_line(line)
        if key and (value or keep_empty) and table.setdefault(key, value) != value:
            doubled.append(key)
    if doubled:
        logging.warning(
            "%s: different values for %d doubled key(s), such as '%s': kept the first",
            path,
            len(doubled),
            doubled[0],
        )
    return table


def main(cmd: list[str] | None = None) -> None:
    """Run the command.

    Args:
        cmd: Command-line arguments; ``sys.argv`` when not given.
    """
    parser = argparse.ArgumentParser(prog="fix_data_dir.sh", description=__doc__)
    for flag, what in (("utt", "utterance"), ("spk", "speaker")):
        parser.add_argument(
            f"--{flag}_extra_files",
            f"--{flag}-extra-files",
            default="",
            metavar="'FILE ...'",
            help=f"further tables that need a line for each {what}",
        )
    parser.add_argument("directory", type=Path)
    args = parser.parse_args(cmd)
    setup_logging()
    utt_files, spk_files = args.utt_extra_files.split(), args.spk_extra_files.split()
    fix_data_dir(args.directory, utt_files, spk_files)


if __name__ == "__main__":
    run_main(main)
