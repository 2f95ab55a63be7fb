#!/usr/bin/env python3
"""Combine data directories into one."""

import argparse
import logging
from pathlib import Path

from espnet_mtl.bin.kaldi_options import spell
from espnet_mtl.data.tools.combine import combine_data_dirs
from espnet_mtl.data.tools.fix import fix_data_dir
from espnet_mtl.errors import run_main, setup_logging


def main(cmd: list[str] | None = None) -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="combine_data.sh", description=__doc__)
    parser.add_argument(
        *spell("extra-files"),
        default="",
        metavar="'FILE ...'",
        help="further tables with a line for each utterance; utt2* need not be named",
    )
    parser.add_argument(
        *spell("skip-fix"),
        choices=["true", "false"],
        default="false",
        help="do not run fix_data_dir.sh at the end",
    )
    parser.add_argument("target", type=Path, help="the data directory to write")
    parser.add_argument("sources", type=Path, nargs="+", help="data directories")
    args = parser.parse_args(cmd)
    setup_logging()
    combine_data_dirs(args.target, args.sources, args.extra_files.split())
    logging.info("%s: %s", args.target, " + ".join(map(str, args.sources)))
    if args.skip_fix == "false":
        fix_data_dir(args.target)


if __name__ == "__main__":
    run_main(main)
