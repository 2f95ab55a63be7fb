#!/usr/bin/env python3
"""Warn when a decoding would give its language model no weight."""

import argparse
import logging
from pathlib import Path

from espnet_mtl.errors import UserError, run_main, setup_logging
from espnet_mtl.inference.decoding import Decoding


def get_parser() -> argparse.ArgumentParser:
    """Return the parser; the names are those of the recipe's options."""
    parser = argparse.ArgumentParser(
        description="Warn when a decoding would give its language model no weight: "
        "ESPnet says nothing then"
    )
    parser.add_argument("--inference_config", type=Path, help="YAML file")
    parser.add_argument("--inference_args", default="", help="They win over the file")
    return parser


def main(cmd: list[str] | None = None) -> None:
    """Run the command, with ``sys.argv`` when no arguments are given.

    Raises:
        UserError: If the settings cannot be read.
    """
    args = get_parser().parse_args(cmd)
    setup_logging()
    settings = Decoding(args.inference_config, args.inference_args).stamp()
    given = [
        settings["config"].get("lm_weight"),
        *settings["args"].get("lm_weight", []),
    ]
    weight = given[-1]
    try:
        is_idle = weight is not None and float(weight) == 0
    except ValueError:
        raise UserError(f"lm_weight takes a number, not '{weight}'") from None
    if is_idle:
        logging.warning(
            "The language model is not used, because lm_weight is %s. Give "
            '--inference_args "--lm_weight 0.3", or another --inference_config.',
            weight,
        )


if __name__ == "__main__":
    run_main(main)
