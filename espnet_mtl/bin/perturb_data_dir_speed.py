#!/usr/bin/env python3
"""Stage 2: a data directory with a copy of each utterance for each speed.

A copy at speed 0.9 is named sp0.9-<utterance>, and its speaker sp0.9-<speaker>. No
audio is written: wav.scp has commands that print it, which stage 3 does without running
them. All tables that still hold go along.
"""

import argparse
import logging
from pathlib import Path

from espnet_mtl.bin.kaldi_options import spell
from espnet_mtl.data.stages.speed_perturb import perturb_data_dir_speed, read_factors
from espnet_mtl.errors import run_main, setup_logging


def main(cmd: list[str] | None = None) -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(
        prog="perturb_data_dir_speed.sh", description=__doc__
    )
    parser.add_argument(
        *spell("utt-extra-files"),
        help="accepted as in ESPnet; every utt2* is copied anyway",
    )
    parser.add_argument("factors", help="one speed, or several: '0.9 1.0 1.1'")
    parser.add_argument("source", type=Path, help="the data directory")
    parser.add_argument("target", type=Path, help="the one to write")
    args = parser.parse_args(cmd)
    setup_logging()
    factors = read_factors(args.factors)
    perturb_data_dir_speed(args.source, args.target, factors)
    logging.info("%s: %s at speed %s", args.target, args.source, args.factors)


if __name__ == "__main__":
    run_main(main)
