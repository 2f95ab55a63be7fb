#!/usr/bin/env python3
"""Pack a trained model into one zip in ESPnet's package format."""

import argparse
import logging
from pathlib import Path

from espnet_mtl.errors import run_main, setup_logging
from espnet_mtl.export.packing import pack_model


def get_parser() -> argparse.ArgumentParser:
    """Return the parser; the names are those of ``espnet2.bin.pack asr``."""
    parser = argparse.ArgumentParser(
        description="Pack a trained model into one zip, which asr_mtl_attack and any "
        "ESPnet user's Speech2Text can load",
    )
    parser.add_argument(
        "--asr_train_config", type=Path, required=True, help="config.yaml of training"
    )
    parser.add_argument(
        "--asr_model_file", type=Path, required=True, help="Weights, such as *.ave.pth"
    )
    parser.add_argument(
        "--option",
        type=Path,
        action="append",
        default=[],
        help="Another file to put in, such as RESULTS.md; may be given several times",
    )
    parser.add_argument("--outpath", type=Path, required=True, help="The zip to write")
    return parser


def main(cmd: list[str] | None = None) -> None:
    """Pack.

    Args:
        cmd: Command-line arguments; ``sys.argv`` when not given.
    """
    args = get_parser().parse_args(cmd)
    setup_logging()
    packed = pack_model(
        args.asr_train_config, args.asr_model_file, args.option, args.outpath
    )
    for path, name in packed.items():
        logging.info("%s: %s", name, path)
    logging.info("Packed %d files into %s", len(packed), args.outpath)


if __name__ == "__main__":
    run_main(main)
