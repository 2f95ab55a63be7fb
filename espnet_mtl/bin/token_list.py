#!/usr/bin/env python3
"""Stage 5: make the recogniser's token list."""

import argparse
import logging
from pathlib import Path

from espnet_mtl.errors import run_main, setup_logging
from espnet_mtl.tokens.cleaner import load_cleaner
from espnet_mtl.tokens.symbols import read_symbols
from espnet_mtl.tokens.token_list import read_piece_symbols, write_token_list


def get_parser() -> argparse.ArgumentParser:
    """Return the parser; the names are those of the recipe's options."""
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("--text", type=Path, required=True, nargs="+")
    add("--output", type=Path, required=True)
    add("--token_type", choices=["bpe", "char", "word"], default="bpe")
    add("--cleaner", default="none", help="ESPnet's cleaner, as in training")
    add("--nlsyms_txt", default="none", help="Symbols never cut, for char, one a line")
    add("--nbpe", type=int, default=30)
    add("--bpemode", choices=["unigram", "bpe"], default="unigram")
    add(
        "--bpe_nlsyms", default="", help="Symbols never cut, for bpe: by comma, or file"
    )
    add("--bpe_char_cover", type=float, default=1.0)
    add("--bpe_input_sentence_size", type=int, default=100000000)
    return parser


def main(cmd: list[str] | None = None) -> None:
    """Run the command."""
    args = get_parser().parse_args(cmd)
    setup_logging()
    symbols: list[str] = []
    if args.token_type == "bpe":
        symbols = read_piece_symbols(args.bpe_nlsyms)
    elif args.token_type == "char":  # word tokens are never cut
        symbols = read_symbols(args.nlsyms_txt)
    tokens = write_token_list(
        args.text,
        args.output,
        args.token_type,
        symbols=symbols,
        clean=load_cleaner(args.cleaner),
        num_pieces=args.nbpe,
        piece_model=args.bpemode,
        char_cover=args.bpe_char_cover,
        max_sentences=args.bpe_input_sentence_size,
    )
    logging.info("%s: %d tokens", args.output / "tokens.txt", len(tokens))


if __name__ == "__main__":
    run_main(main)
