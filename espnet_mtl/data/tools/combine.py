"""Combine data directories into one."""

import argparse
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from espnet_mtl.data.datadir import UNKNOWN_ACCENT, check_apart
from espnet_mtl.data.directory import (
    Table,
    read_loose_table,
    render,
    tell_left_out,
    write_directory,
)
from espnet_mtl.data.errors import DataDirError
from espnet_mtl.data.file_kinds import COMPLETE, Files, Kind, list_files
from espnet_mtl.data.stages.audio_stores import FORMATS, is_archive
from espnet_mtl.data.tables import read_table
from espnet_mtl.data.tools.fix import fix_data_dir
from espnet_mtl.data.tools.lengths import read_seconds
from espnet_mtl.errors import run_main, setup_logging


def combine_data_dirs(
    target: Path, sources: Sequence[Path], extra_files: Iterable[str] = ()
) -> None:
    """Combine data directories, with every table that all of them have.

    Where only some have it, that is said, and a table of the user's own has their lines
    alone. Others are left out, unless the missing lines are known: ``utt2accent``
    (``<unk>``), ``utt2uniq`` (the utterance) and ``segments`` (the whole recording).

    Args:
        target: The directory to write.
        sources: The directories to combine.
        extra_files: Names of further tables with one line an utterance.

    Raises:
        DataDirError: If a table is faulty, or two directories say different things
            about the same utterance, speaker or recording.
    """
    for source in sources:
        check_apart(source, target)
    extra = dict.fromkeys(extra_files, Kind.UTTERANCE)
    all_files = [list_files(source, extra) for source in sources]
    inverses = {name for files in all_files for name in files.inverses}
    combined = _combine_whole(all_files)
    for name in sorted({name for files in all_files for name in files.tables}):
        table = _combine_table(name, all_files)
        if table:
            combined |= render(name, table, inverses)
    write_directory(target, combined)
    for files in all_files:
        tell_left_out(files, combined)


def _combine_table(name: str, all_files: list[Files]) -> Table:
    """Put the lines of a table together; empty where the table is left out."""
    having = [files.path for files in all_files if name in files.tables]
    lacking = [files.path for files in all_files if name not in files.tables]
    fill, consequence = _FILLS.get(name, (None, "its lines stay out"))
    if lacking and not fill and name in COMPLETE:
        having, consequence = [], "left out"
    if lacking:
        logging.warning(
            "%s: not in %s: %s", name, ", ".join(map(str, lacking)), consequence
        )
    combined: Table = {}
    for source in having:
        for key, value in read_loose_table(source / name).items():
            if combined.setdefault(key, value) != value:
                raise _conflict(name, key, having)
    for source in lacking if fill else []:
        combined = {**fill(source), **combined}
    return combined


def _conflict(name: str, key: str, sources: list[Path]) -> DataDirError:
    """Say where two directories first differ about a key."""
    said: dict[str, str] = {}
    for source in sources:
        table = read_loose_table(source / name)
        if key in table:
            number = list(table).index(key) + 1
            said.setdefault(table[key], f"{source / name}:{number}")
    (first, first_place), (second, place) = list(said.items())[:2]
    return DataDirError(
        f"{place}: '{key} {second}', but {first_place}: '{key} {first}'; give the ids "
        "of one directory a prefix (utils/copy_data_dir.sh --utt-prefix a- "
        "--spk-prefix a-), or remove the line from one"
    )


def _combine_whole(all_files: list[Files]) -> dict[str, bytes]:
    """Keep what is about a directory as a whole where all say the same."""
    combined = {}
    for name in sorted({name for files in all_files for name in files.whole}):
        contents = {
            (files.path / name).read_bytes() if name in files.whole else b""
            for files in all_files
        }
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


def _no_accents(source: Path) -> Table:
    return dict.fromkeys(read_table(source / "utt2spk"), UNKNOWN_ACCENT)


def _themselves(source: Path) -> Table:
    return {utt: utt for utt in read_table(source / "utt2spk")}


def _whole_recordings(source: Path) -> Table:
    return {utt: f"{utt} 0 {s:.6f}" for utt, s in read_seconds(source).items()}


# How to make the table of a directory that lacks it, and what is said then.
_FILLS: Mapping[str, tuple[Callable[[Path], Table], str]] = {
    "utt2accent": (_no_accents, f"written as {UNKNOWN_ACCENT}"),
    "utt2uniq": (_themselves, "written as the utterances themselves"),
    "segments": (_whole_recordings, "written as whole recordings"),
}


def main(cmd: list[str] | None = None) -> None:
    """Run the command.

    Args:
        cmd: Command-line arguments; ``sys.argv`` when not given.
    """
    parser = argparse.ArgumentParser(prog="combine_data.sh", description=__doc__)
    parser.add_argument(
        "--extra-files",
        "--extra_files",
        default="",
        metavar="'FILE ...'",
        help="further tables with a line for each utterance; utt2* need not be named",
    )
    parser.add_argument(
        "--skip-fix",
        "--skip_fix",
        choices=["true", "false"],
        default="false",
        help="do not run fix_data_dir.sh at the end",
    )
    parser.add_argument("target", type=Path)
    parser.add_argument("sources", type=Path, nargs="+")
    args = parser.parse_args(cmd)
    setup_logging()
    combine_data_dirs(args.target, args.sources, args.extra_files.split())
    logging.info("%s: %s", args.target, " + ".join(map(str, args.sources)))
    if args.skip_fix == "false":
        fix_data_dir(args.target)


if __name__ == "__main__":
    run_main(main)
