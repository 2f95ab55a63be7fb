#!/usr/bin/env python3
"""Stage 1: tell what later stages will do with the audio, from its headers."""

import argparse
from pathlib import Path

from espnet_mtl.data.channels import ERROR, POLICIES
from espnet_mtl.data.stages.remove_long_short import Limits
from espnet_mtl.data.stages.survey import Policy, survey
from espnet_mtl.errors import run_main, setup_logging


def main(cmd: list[str] | None = None) -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--channels", choices=POLICIES, default=ERROR)
    parser.add_argument("--max_bad_audio", type=float, default=0.0)
    parser.add_argument("--min_wav_duration", type=float, default=0.1)
    parser.add_argument("--max_wav_duration", type=float, default=20.0)
    parser.add_argument("--nj", type=int, default=4, help="Threads")
    parser.add_argument(
        "--trained",
        type=Path,
        nargs="*",
        default=[],
        help="Directories of which stage 4 leaves long and short utterances out",
    )
    parser.add_argument(
        "--tested", type=Path, nargs="*", default=[], help="Those where nothing is"
    )
    args = parser.parse_args(cmd)
    setup_logging()
    limits = Limits(args.min_wav_duration, args.max_wav_duration)
    policy = Policy(args.channels, args.max_bad_audio, limits)
    survey(args.trained, args.tested, policy, args.nj)


if __name__ == "__main__":
    run_main(main)
