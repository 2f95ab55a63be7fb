#!/usr/bin/env python3
"""Stage 5: make the recogniser's token list."""

import argparse
import logging
from pathlib import Path

from espnet_mtl.errors import run_main, setup_logging
from espnet_mtl.grouped_help import add_help, group, make_parser
from espnet_mtl.tokens.cleaner import load_cleaner
from espnet_mtl.tokens.symbols import read_symbols
from espnet_mtl.tokens.token_list import read_piece_symbols, write_token_list


def get_parser() -> argparse.ArgumentParser:
    """Return the parser; the names are those of the recipe's options."""
    parser = make_parser(__doc__)
    add = group(parser)
    add(
        "--text",
        type=Path,
        required=True,
        nargs="+",
        action="extend",
        help="Texts to find tokens in",
    )
    add("--output", type=Path, required=True, help="Folder to write to")
    types = ["bpe", "char", "word"]
    add("--token_type", choices=types, default="bpe", help="What a token is")

    add = group(parser, "text")
    add("--cleaner", default="none", help="ESPnet's cleaner, as in training")
    add("--nlsyms_txt", default="none", help="Symbols never cut, for char, one a line")

    add = group(parser, "bpe")
    add("--nbpe", type=int, default=30, help="Number of units")
    about = "How units are found"
    add("--bpemode", choices=["unigram", "bpe"], default="unigram", help=about)
    add(
        "--bpe_nlsyms", default="", help="Symbols never cut, for bpe: by comma, or file"
    )
    about = "Share of the characters that units cover"
    add("--bpe_char_cover", type=float, default=1.0, help=about)
    about = "Sentences that units are found in, at most"
    add("--bpe_input_sentence_size", type=int, default=100000000, help=about)
    add_help(parser)
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
