#!/usr/bin/env python3
"""Stage 4: leave out utterances that are too long, too short, or without words."""

import argparse
from pathlib import Path

from espnet_mtl.data.audio import read_rate
from espnet_mtl.data.stages.remove_long_short import Limits, remove_long_short
from espnet_mtl.errors import run_main, setup_logging
from espnet_mtl.grouped_help import add_help, group, make_parser


def get_parser() -> argparse.ArgumentParser:
    """Return the parser."""
    parser = make_parser(__doc__)
    add = group(parser)
    add("source", type=Path, help="The data directory")
    add("target", type=Path, help="The one to write")
    add("--fs", default="16k", help="Sampling rate: 16k or 16000")

    add = group(parser, "what is left out")
    about = "Shorter utterances, seconds"
    add("--min_wav_duration", type=float, default=0.1, help=about)
    about = "Longer ones, seconds"
    add("--max_wav_duration", type=float, default=20.0, help=about)
    add_help(parser)
    return parser


def main(cmd: list[str] | None = None) -> None:
    """Run the command."""
    args = get_parser().parse_args(cmd)
    setup_logging()
    remove_long_short(
        args.source,
        args.target,
        read_rate(args.fs),
        Limits(args.min_wav_duration, args.max_wav_duration),
    )


if __name__ == "__main__":
    run_main(main)
