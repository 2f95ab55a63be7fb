#!/usr/bin/env python3
"""Stage 5: make the accent list, print a table of it, and refuse shared speakers."""

import argparse
import logging
from pathlib import Path

from espnet_mtl.data.audio import read_rate
from espnet_mtl.data.stages.accent_list import format_table, write_accent_list
from espnet_mtl.data.stages.shared_speakers import check_speakers_apart
from espnet_mtl.errors import run_main, setup_logging


def main(cmd: list[str] | None = None) -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--train_dir", type=Path, required=True)
    parser.add_argument("--check_dirs", type=Path, nargs="*", default=[])
    parser.add_argument("--accent_list", type=Path, default=None)
    parser.add_argument(
        "--allow_shared_speakers",
        choices=("true", "false"),
        default="false",
        help="Whether the other sets may have speakers of the training set",
    )
    parser.add_argument("--fs", default="16k", help="16k or 16000")
    parser.add_argument("--output", type=Path, required=True)
    args = parser.parse_args(cmd)
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
