#!/usr/bin/env python3
"""Stage 5: make the recogniser's token list."""

import argparse
import logging
from pathlib import Path

from espnet_mtl.data.stages.token_list import write_token_list
from espnet_mtl.errors import run_main, setup_logging


def main(cmd: list[str] | None = None) -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--text", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--token_type", choices=["bpe", "char", "word"], default="bpe")
    parser.add_argument("--nbpe", type=int, default=30)
    parser.add_argument("--bpemode", choices=["unigram", "bpe"], default="unigram")
    parser.add_argument("--bpe_nlsyms", default="", help="Symbols never cut, by comma")
    args = parser.parse_args(cmd)
    setup_logging()
    tokens = write_token_list(
        args.text,
        args.output,
        args.token_type,
        args.nbpe,
        args.bpemode,
        args.bpe_nlsyms,
    )
    logging.info("%s: %d tokens", args.output / "tokens.txt", len(tokens))


if __name__ == "__main__":
    run_main(main)
