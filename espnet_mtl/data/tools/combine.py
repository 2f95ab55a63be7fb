"""Combine data directories into one."""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from espnet_mtl.data.checks import check_apart
from espnet_mtl.data.datadir import DataDir
from espnet_mtl.data.errors import DataDirError
from espnet_mtl.data.file_kinds import COMPLETE, UNKNOWN_ACCENT, Kind
from espnet_mtl.data.stages.audio_stores import FORMATS, is_archive
from espnet_mtl.data.tables import Table
from espnet_mtl.data.tools.lengths import read_seconds


def combine_data_dirs(
    target: Path, sources: Sequence[Path], extra_files: Iterable[str] = ()
) -> None:
    """Combine data directories, with every table that all of them have.

    Where only some have it, that is said, and a table of the user's own has their lines
    alone. Others are left out, unless the missing lines are known: ``utt2accent``
    (``<unk>``), ``utt2uniq`` (the utterance) and ``segments`` (the whole recording).

    Raises:
        DataDirError: If a table is faulty, or two directories say different things
            about the same utterance, speaker or recording.
    """
    for source in sources:
        check_apart(source, target)
    extra = dict.fromkeys(extra_files, Kind.UTTERANCE)
    directories = [DataDir.read(source, extra) for source in sources]
    tables = {
        name: _combine_table(name, directories)
        for name in sorted({name for own in directories for name in own.tables})
    }
    combined = DataDir(
        target,
        {name: table for name, table in tables.items() if table},
        inverses=tuple({name for own in directories for name in own.inverses}),
        whole=_combine_whole(directories),
    )
    written = combined.write(target)
    for directory in directories:
        directory.tell_left_out(written)


def _combine_table(name: str, directories: list[DataDir]) -> Table:
    """Put the lines of a table together; empty where the table is left out."""
    having = [own for own in directories if name in own.tables]
    lacking = [own for own in directories if name not in own.tables]
    fill, consequence = _FILLS.get(name, (None, "those lines are missing"))
    if lacking and not fill and name in COMPLETE:
        having, consequence = [], "left out"
    if lacking:
        paths = ", ".join(str(own.path) for own in lacking)
        logging.warning("%s: not in %s: %s", name, paths, consequence)
    combined: Table = {}
    for own in having:
        for key, value in own.tables[name].items():
            if combined.setdefault(key, value) != value:
                raise _conflict(name, key, having)
    if fill is not None:
        for own in lacking:
            combined = {**fill(own), **combined}
    return combined


def _conflict(name: str, key: str, directories: list[DataDir]) -> DataDirError:
    """Say where two directories first differ about a key."""
    said: dict[str, str] = {}
    for own in directories:
        table = own.tables[name]
        if key in table:
            number = list(table).index(key) + 1
            said.setdefault(table[key], f"{own.path / name}:{number}")
    (first, first_place), (second, place) = list(said.items())[:2]
    return DataDirError(
        f"{place}: '{key} {second}', but {first_place}: '{key} {first}'; give the ids "
        "of one directory a prefix (utils/copy_data_dir.sh --utt-prefix a- "
        "--spk-prefix a-), or remove the line from one"
    )


def _combine_whole(directories: list[DataDir]) -> dict[str, bytes]:
    """Keep what is about a directory as a whole where all say the same."""
    combined = {}
    for name in sorted({name for own in directories for name in own.whole}):
        contents = {own.whole.get(name, b"") for own in directories}
        if name == "audio_format":
            contents = _alike_for_espnet(contents)
        if len(contents) == 1:
            combined[name] = contents.pop()
        else:
            logging.warning("%s: the directories differ in it; left out", name)
    return combined


def _alike_for_espnet(formats: set[bytes]) -> set[bytes]:
    """Give one format for those that ESPnet reads alike: all files, or all archives."""
    words = {content.decode(errors="replace").strip() for content in formats}
    if not words <= set(FORMATS):
        return formats
    if len({is_archive(word) for word in words}) == 1:
        return {min(formats)}
    logging.warning(
        "audio_format: ESPnet reads either files or archives, and these are both (%s): "
        "format the new directory by stage 3 before it is trained on",
        ", ".join(sorted(words)),
    )
    return formats


def _whole_recordings(source: DataDir) -> Table:
    return {utt: f"{utt} 0 {s:.6f}" for utt, s in read_seconds(source.path).items()}


# How to make the table of a directory that lacks it, and what is said then.
_FILLS: Mapping[str, tuple[Callable[[DataDir], Table], str]] = {
    "utt2accent": (
        lambda source: dict.fromkeys(source.utts, UNKNOWN_ACCENT),
        f"written as {UNKNOWN_ACCENT}",
    ),
    "utt2uniq": (
        lambda source: {utt: utt for utt in source.utts},
        "written as the utterances themselves",
    ),
    "segments": (_whole_recordings, "written as whole recordings"),
}
