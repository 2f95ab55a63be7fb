#!/usr/bin/env python3
"""Stage 4: make the text that a language model is trained on."""

import argparse
import logging
from pathlib import Path

from espnet_mtl.data.stages.lm_text import write_lm_text
from espnet_mtl.errors import run_main, setup_logging


def main(cmd: list[str] | None = None) -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    about = "The text to write"
    parser.add_argument("--output", type=Path, required=True, help=about)
    parser.add_argument("text", type=Path, nargs="+", help="Tables of sentences")
    args = parser.parse_args(cmd)
    setup_logging()
    logging.info("%s: %d sentences", args.output, write_lm_text(args.text, args.output))


if __name__ == "__main__":
    run_main(main)
