"""Copy a data directory, with other names of utterances and speakers."""

import argparse
import logging
import shlex
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from espnet_mtl.data.datadir import check_apart
from espnet_mtl.data.directory import rename, tell_left_out, write_directory
from espnet_mtl.data.errors import DataDirError
from espnet_mtl.data.file_kinds import Kind, list_files
from espnet_mtl.data.tools import validate
from espnet_mtl.errors import run_main, setup_logging


def copy_data_dir(
    source: Path,
    target: Path,
    utt_affixes: tuple[str, str] = ("", ""),
    spk_affixes: tuple[str, str] = ("", ""),
    extra_files: Iterable[str] = (),
) -> None:
    """Copy a data directory: every file that belongs to it.

    Recordings keep their names where there is ``segments``; elsewhere they are the
    utterances.

    Args:
        source: The directory to copy.
        target: The directory to write.
        utt_affixes: What comes before and after the names of utterances.
        spk_affixes: What comes before and after the names of speakers.
        extra_files: Names of further files, to be copied as they are.

    Raises:
        DataDirError: If a table is faulty or a further file is not there.
    """
    check_apart(source, target)
    files = list_files(source)

    name_utt = _renamer(*utt_affixes)
    names = {
        Kind.UTTERANCE: name_utt,
        Kind.SPEAKER: _renamer(*spk_affixes),
        Kind.RECORDING: str if "segments" in files.tables else name_utt,
    }
    new = rename(files, names)
    for name in extra_files:
        if name not in new:
            new[name] = _read(source / name)
    write_directory(target, new)
    tell_left_out(files, new)


def _renamer(prefix: str, suffix: str) -> Callable[[str], str]:
    return lambda name: f"{prefix}{name}{suffix}"


def _read(path: Path) -> bytes:
    if not path.is_file():
        raise DataDirError(f"{path}: no such file; --extra-files asks for it")
    return path.read_bytes()


def main(cmd: list[str] | None = None) -> None:
    """Run the command.

    Args:
        cmd: Command-line arguments; ``sys.argv`` when not given.
    """
    parser = argparse.ArgumentParser(prog="copy_data_dir.sh", description=__doc__)
    for unit, what in (("utt", "utterances"), ("spk", "speakers")):
        for place in ("prefix", "suffix"):
            parser.add_argument(
                f"--{unit}-{place}",
                f"--{unit}_{place}",
                default="",
                help=f"put it {'before' if place == 'prefix' else 'after'} the {what}",
            )
    parser.add_argument(
        "--extra-files", "--extra_files", default="", help="copy these as well"
    )
    parser.add_argument(
        "--validate-opts",
        "--validate_opts",
        default="",
        help="for the check at the end",
    )
    parser.add_argument("source", type=Path)
    parser.add_argument("target", type=Path)
    args = parser.parse_args(_bind_values(sys.argv[1:] if cmd is None else cmd))
    setup_logging()
    copy_data_dir(
        args.source,
        args.target,
        (args.utt_prefix, args.utt_suffix),
        (args.spk_prefix, args.spk_suffix),
        args.extra_files.split(),
    )
    logging.info("%s: a copy of %s", args.target, args.source)
    # What the source lacks, its copy may lack: words of an utterance as well.
    absent = [
        option
        for name, option in _OPTIONS.items()
        if not (args.source / name).is_file()
    ]
    options = [*shlex.split(args.validate_opts), *absent, "--empty-text"]
    validate.main([*options, str(args.target)])


def _bind_values(cmd: list[str]) -> list[str]:
    """Write ``--utt-suffix -a`` with ``=``: argparse takes ``-a`` for an option."""
    words = iter(cmd)
    return [
        f"{word}={next(words, '')}"
        if word.startswith("--") and word != "--help" and "=" not in word
        else word
        for word in words
    ]


_OPTIONS = {"text": "--no-text", "wav.scp": "--no-wav", "utt2accent": "--no-accent"}


if __name__ == "__main__":
    run_main(main)
