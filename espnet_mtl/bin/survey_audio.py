#!/usr/bin/env python3
"""Stage 1: tell what later stages will do with the audio, from its headers."""

import argparse
from pathlib import Path

from espnet_mtl.data.channels import ERROR, POLICIES
from espnet_mtl.data.stages.remove_long_short import Limits
from espnet_mtl.data.stages.survey import Policy, survey
from espnet_mtl.errors import run_main, setup_logging
from espnet_mtl.grouped_help import add_help, group, make_parser


def get_parser() -> argparse.ArgumentParser:
    """Return the parser; the names are those of the recipe's options."""
    parser = make_parser(__doc__)
    add = group(parser)
    add(
        "--trained",
        type=Path,
        nargs="*",
        action="extend",
        default=[],
        help="Directories of which stage 4 leaves long and short utterances out",
    )
    add(
        "--tested",
        type=Path,
        nargs="*",
        action="extend",
        default=[],
        help="Those where nothing is",
    )
    add("--nj", type=int, default=4, help="Threads")

    add = group(parser, "what will be done with the audio")
    about = "Recordings with several channels"
    add("--channels", choices=POLICIES, default=ERROR, help=about)
    about = "Share of a set that may be left out as unusable"
    add("--max_bad_audio", type=float, default=0.0, help=about)
    about = "Shorter ones are left out, seconds"
    add("--min_wav_duration", type=float, default=0.1, help=about)
    about = "Longer ones are left out, seconds"
    add("--max_wav_duration", type=float, default=20.0, help=about)
    add_help(parser)
    return parser


def main(cmd: list[str] | None = None) -> None:
    """Run the command."""
    args = get_parser().parse_args(cmd)
    setup_logging()
    limits = Limits(args.min_wav_duration, args.max_wav_duration)
    policy = Policy(args.channels, args.max_bad_audio, limits)
    survey(args.trained, args.tested, policy, args.nj)


if __name__ == "__main__":
    run_main(main)
