#!/usr/bin/env python3
"""Split a data directory for jobs that share the work."""

import argparse
from pathlib import Path

from espnet_mtl.bin.kaldi_options import spell
from espnet_mtl.data.tools.split import split_data_dir
from espnet_mtl.errors import run_main, setup_logging


def main(cmd: list[str] | None = None) -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="split_data.sh", description=__doc__)
    parser.add_argument(
        *spell("per-utt"), action="store_true", help="cut speakers, too"
    )
    parser.add_argument("directory", type=Path, help="the data directory")
    parser.add_argument("number", type=int, help="how many parts")
    args = parser.parse_args(cmd)
    setup_logging()
    split_data_dir(args.directory, args.number, per_utt=args.per_utt)


if __name__ == "__main__":
    run_main(main)
