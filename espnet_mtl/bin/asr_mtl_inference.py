#!/usr/bin/env python3
"""Decode text and accent: ESPnet's asr_inference for models with an accent head."""

import argparse
import tempfile
from pathlib import Path

import espnet_mtl.fast_start  # noqa: F401  (before ESPnet)

from espnet2.bin import asr_inference

from espnet_mtl.errors import UserError, run_main, setup_logging
from espnet_mtl.inference.decode import decode, take_from_zip
from espnet_mtl.package.unpacking import unpack_model


def get_parser() -> argparse.ArgumentParser:
    """Return the parser: the options of ESPnet's ``asr_inference``, and a zip."""
    parser = asr_inference.get_parser()
    parser.description = "ASR and accent decoding"
    parser.add_argument(
        "--model_zip",
        help="A packed model, instead of --asr_train_config and --asr_model_file; its "
        "language models are used where no others are given",
    )
    return parser


def main(cmd: list[str] | None = None) -> None:
    """Decode.

    Args:
        cmd: Command-line arguments; ``sys.argv`` when not given.

    Raises:
        UserError: If an option or an input file does not fit.
    """
    args = get_parser().parse_args(cmd)
    setup_logging(args.log_level)
    if args.model_zip is None:
        decode(args)
        return
    if args.asr_train_config or args.asr_model_file:
        raise UserError(
            "give --model_zip, or --asr_train_config and --asr_model_file, not both"
        )
    with tempfile.TemporaryDirectory(prefix="espnet_mtl-") as folder:
        files = unpack_model(Path(args.model_zip), Path(folder) / "model")
        take_from_zip(args, files)
        decode(args)


if __name__ == "__main__":
    run_main(main)
