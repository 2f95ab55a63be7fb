"""Repair a data directory: sort its tables, keep what every table has."""

import logging
from collections.abc import Collection, Iterable
from dataclasses import replace
from pathlib import Path

from espnet_mtl.atomic import write_files
from espnet_mtl.data.checks import some
from espnet_mtl.data.datadir import DataDir, back_up
from espnet_mtl.data.errors import DataDirError
from espnet_mtl.data.file_kinds import Kind
from espnet_mtl.data.tables import Table, read_lines, sort_keys, split_line
from espnet_mtl.data.tools.validate import find_disorder

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

    Tables of the user's own, such as ``utt2age``, may lack utterances (speakers), but
    for those given. The tables as they were go to ``<directory>/.backup``
    (``.backup.1`` and so on where there is one already).

    Raises:
        DataDirError: If the tables have nothing in common, or a fault is left that only
            the user can fix.
    """
    utt_files, spk_files = list(utt_files), list(spk_files)
    extra = dict.fromkeys(utt_files, Kind.UTTERANCE)
    extra |= dict.fromkeys(spk_files, Kind.SPEAKER)
    whole = DataDir.read(
        directory, extra, read=lambda path: _read_loosely(path, {*_NEEDED, *utt_files})
    )
    tables = whole.tables
    needed = [
        name
        for name, kind in whole.kinds.items()
        if kind is Kind.UTTERANCE and name in (*_NEEDED, *utt_files)
    ]
    total = len(set().union(*(tables[name] for name in needed)))
    speakers = [tables[name] for name in spk_files if name in tables]
    kept = _find_kept(whole, needed, speakers)
    owners = {
        Kind.UTTERANCE: kept,
        Kind.SPEAKER: {tables["utt2spk"][utt] for utt in kept},
        Kind.RECORDING: {whole.recording_of(utt) for utt in kept},
    }
    for name, table in tables.items():
        known = owners[whole.kinds[name]]
        tables[name] = {k: v for k, v in table.items() if k in known}
    fixed = replace(whole, whole={}).render()
    if any((directory / name).read_bytes() != fixed[name] for name in tables):
        back_up(directory, tables)
    write_files({directory / name: content for name, content in fixed.items()})
    logging.info("%s: kept %d of %d utterances", directory, len(kept), total)
    if whole.unknown:
        logging.info("%s: left as they are: %s", directory, some(whole.unknown, "file"))
    names = [*needed, *(name for name in tables if name == "wav.scp")]
    utt2spk = DataDir.load(directory, names).tables["utt2spk"]
    disorder = find_disorder(directory / "utt2spk", utt2spk)
    if disorder:
        logging.warning("%s", disorder)


def _find_kept(whole: DataDir, needed: list[str], speakers: list[Table]) -> set[str]:
    """Find the utterances that every table has, and say what the others lack."""
    tables = whole.tables
    kept = set.intersection(*(set(tables[name]) for name in needed))
    if whole.has_segments:
        kept = _drop_lost(whole, kept)
    for table in speakers:
        kept = {utt for utt in kept if tables["utt2spk"][utt] in table}
    if not kept:
        raise DataDirError(
            f"{whole.path}: {', '.join(needed)} have no utterance in common; compare "
            "their keys"
        )
    for name in needed:
        lacking = [utt for utt in tables["utt2spk"] if utt not in tables[name]]
        if lacking:
            logging.info("%s: no line for %s", whole.path / name, some(lacking))
    return kept


def _drop_lost(whole: DataDir, utts: set[str]) -> set[str]:
    """Drop the utterances whose recording is not there."""
    recordings = whole.tables.get("wav.scp", {})
    lost = [utt for utt in utts if whole.recording_of(utt) not in recordings]
    if lost:
        logging.info(
            "%s: no recording for %s", whole.path / "wav.scp", some(sort_keys(lost))
        )
    return utts - set(lost)


def _read_loosely(path: Path, needed: Collection[str]) -> Table:
    """Read a table with faults: the first of doubled keys counts.

    In tables that every utterance needs, lines with a key alone are skipped.
    """
    table: Table = {}
    doubled = []
    for line in read_lines(path):
        key, value = split_line(line)
        if not key or (not value and path.name in needed):
            continue
        if table.setdefault(key, value) != value:
            doubled.append(key)
    if doubled:
        logging.warning(
            "%s: different values for %d doubled key(s), such as '%s': kept the first",
            path,
            len(doubled),
            doubled[0],
        )
    return table
