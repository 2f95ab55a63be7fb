#!/usr/bin/env python3
"""Stage 4: leave out utterances that are too long, too short, or without words."""

import argparse
from pathlib import Path

from espnet_mtl.data.audio import read_rate
from espnet_mtl.data.stages.remove_long_short import Limits, remove_long_short
from espnet_mtl.errors import run_main, setup_logging


def main(cmd: list[str] | None = None) -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fs", default="16k", help="16k or 16000")
    parser.add_argument("--min_wav_duration", type=float, default=0.1)
    parser.add_argument("--max_wav_duration", type=float, default=20.0)
    parser.add_argument("source", type=Path)
    parser.add_argument("target", type=Path)
    args = parser.parse_args(cmd)
    setup_logging()
    remove_long_short(
        args.source,
        args.target,
        read_rate(args.fs),
        Limits(args.min_wav_duration, args.max_wav_duration),
    )


if __name__ == "__main__":
    run_main(main)
