#!/usr/bin/env python3
"""Repair a data directory: sort its tables, keep what every table has."""

import argparse
from pathlib import Path

from espnet_mtl.bin.kaldi_options import spell
from espnet_mtl.data.tools.fix import fix_data_dir
from espnet_mtl.errors import run_main, setup_logging


def main(cmd: list[str] | None = None) -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="fix_data_dir.sh", description=__doc__)
    for flag, what in (("utt", "utterance"), ("spk", "speaker")):
        parser.add_argument(
            *spell(f"{flag}-extra-files"),
            default="",
            metavar="'FILE ...'",
            help=f"further tables that need a line for each {what}",
        )
    parser.add_argument("directory", type=Path, help="the data directory")
    args = parser.parse_args(cmd)
    setup_logging()
    utt_files, spk_files = args.utt_extra_files.split(), args.spk_extra_files.split()
    fix_data_dir(args.directory, utt_files, spk_files)


if __name__ == "__main__":
    run_main(main)
