#!/usr/bin/env python3
"""Pack a trained model into one zip in ESPnet's package format."""

import argparse
import logging
from pathlib import Path

from espnet_mtl.errors import UserError, run_main, setup_logging
from espnet_mtl.grouped_help import add_help, group, make_parser
from espnet_mtl.package.packing import pack_model


def get_parser() -> argparse.ArgumentParser:
    """Return the parser; the names are those of ``espnet2.bin.pack asr``."""
    parser = make_parser(
        "Pack a trained model into one zip, which asr_mtl_attack and any ESPnet user's "
        "Speech2Text can load"
    )
    add = group(parser)
    add("--asr_train_config", type=Path, required=True, help="config.yaml of training")
    add("--asr_model_file", type=Path, required=True, help="Weights, such as *.ave.pth")
    add("--outpath", type=Path, required=True, help="The zip to write")

    add = group(parser, "what else goes in")
    add("--lm_train_config", type=Path, help="config.yaml of a language model")
    add("--lm_file", type=Path, help="Weights of the language model")
    add("--ngram_file", type=Path, help="An n-gram model of KenLM")
    add(
        "--option",
        type=Path,
        action="append",
        default=[],
        help="Another file to put in, such as RESULTS.md; may be given several times",
    )
    add_help(parser)
    return parser


def main(cmd: list[str] | None = None) -> None:
    """Pack.

    Raises:
        UserError: If a file is missing or does not fit the others.
    """
    args = get_parser().parse_args(cmd)
    setup_logging()
    lm = (args.lm_train_config, args.lm_file)
    if lm.count(None) == 1:
        raise UserError("--lm_train_config and --lm_file: give both, or neither")
    packed = pack_model(
        args.asr_train_config,
        args.asr_model_file,
        args.option,
        args.outpath,
        lm=None if None in lm else lm,
        ngram=args.ngram_file,
    )
    for path, name in packed.items():
        logging.info("%s: %s", name, path)
    logging.info("Packed %d files into %s", len(packed), args.outpath)


if __name__ == "__main__":
    run_main(main)
