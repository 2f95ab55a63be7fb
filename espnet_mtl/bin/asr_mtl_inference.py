#!/usr/bin/env python3
"""Decode text and accent: ESPnet's asr_inference for models with an accent head."""

import argparse

import espnet_mtl.fast_start  # noqa: F401  (before ESPnet)
from espnet2.bin import asr_inference

from espnet_mtl.errors import run_main, setup_logging
from espnet_mtl.inference.decode import decode


def get_parser() -> argparse.ArgumentParser:
    """Return the parser: the options of ESPnet's ``asr_inference``."""
    parser = asr_inference.get_parser()
    parser.description = "ASR and accent decoding"
    return parser


def main(cmd: list[str] | None = None) -> None:
    """Decode.

    Args:
        cmd: Command-line arguments; ``sys.argv`` when not given.
    """
    args = get_parser().parse_args(cmd)
    setup_logging(args.log_level)
    decode(args)


if __name__ == "__main__":
    run_main(main)
