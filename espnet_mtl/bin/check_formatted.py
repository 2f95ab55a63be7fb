#!/usr/bin/env python3
"""Check formatted directories, ours or made elsewhere, before ESPnet reads them."""

import argparse
from pathlib import Path

from espnet_mtl.data.audio import read_rate
from espnet_mtl.data.stages.check_formatted import check_formatted_dir
from espnet_mtl.errors import run_main, setup_logging


def main(cmd: list[str] | None = None) -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fs", default="16k", help="16k or 16000")
    parser.add_argument("directories", type=Path, nargs="+", help="to be checked")
    args = parser.parse_args(cmd)
    setup_logging()
    for directory in args.directories:
        check_formatted_dir(directory, read_rate(args.fs))


if __name__ == "__main__":
    run_main(main)
