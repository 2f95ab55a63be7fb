#!/usr/bin/env python3
"""Stage 5: make the accent list, print a table of it, and refuse shared speakers."""

import argparse
import logging
from pathlib import Path

from espnet_mtl.data.audio import read_rate
from espnet_mtl.data.stages.accent_list import format_table, write_accent_list
from espnet_mtl.data.stages.shared_speakers import (
    add_allow_option,
    check_speakers_apart,
)
from espnet_mtl.errors import run_main, setup_logging
from espnet_mtl.grouped_help import add_help, group, make_parser


def get_parser() -> argparse.ArgumentParser:
    """Return the parser."""
    parser = make_parser(__doc__)
    add = group(parser)
    add("--train_dir", type=Path, required=True, help="The training set")
    add("--output", type=Path, required=True, help="File of the accents, to write")
    add(
        "--accent_list",
        type=Path,
        help="File of the accents to use. Default: those of the training set",
    )
    add = group(parser, "other sets")
    add(
        "--check_dirs",
        type=Path,
        nargs="*",
        action="extend",
        default=[],
        help="Those to check",
    )
    add_allow_option(add)
    add("--fs", default="16k", help="Sampling rate, to count hours: 16k or 16000")
    add_help(parser)
    return parser


def main(cmd: list[str] | None = None) -> None:
    """Run the command."""
    args = get_parser().parse_args(cmd)
    setup_logging()
    rate = read_rate(args.fs)
    check_speakers_apart(
        args.train_dir, args.check_dirs, allow=args.allow_shared_speakers == "true"
    )
    accents = write_accent_list(
        args.train_dir, args.check_dirs, args.output, args.accent_list
    )
    print(format_table([args.train_dir, *args.check_dirs], rate))
    if accents:
        logging.info("%s: %d accents", args.output, len(accents))


if __name__ == "__main__":
    run_main(main)
