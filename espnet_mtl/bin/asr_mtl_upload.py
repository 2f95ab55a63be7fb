#!/usr/bin/env python3
"""Publish a packed model on Hugging Face, with a model card."""

import argparse
import logging
import os
from pathlib import Path

import yaml

from espnet_mtl.bin.check_card import add_card_options
from espnet_mtl.errors import run_main, setup_logging
from espnet_mtl.grouped_help import add_help, group, make_parser
from espnet_mtl.inference.decoding import Decoding
from espnet_mtl.metrics.score_decoding import check_weights
from espnet_mtl.package.contents import hash_weights, read_contents
from espnet_mtl.package.repository import make_repository, upload
from espnet_mtl.package.unpacking import read_config
from espnet_mtl.report.card_metadata import card_metadata
from espnet_mtl.report.experiment import find_attacks, find_clean
from espnet_mtl.report.model_card import DECODING_NAME, model_card
from espnet_mtl.results.attack import ATTACK_NAME, check_attacked
from espnet_mtl.results.attack_scores import read_attack_scores


def get_parser() -> argparse.ArgumentParser:
    """Return the parser."""
    parser = make_parser(
        "Make a repository of a packed model, with a model card, and upload it to "
        "Hugging Face. ESPnet's Speech2Text.from_pretrained loads it"
    )
    add = group(parser)
    add("--model_zip", type=Path, required=True, help="The packed model")
    add("--exp", type=Path, required=True, help="Its experiment: scores and report")
    add("--repo", required=True, help="<user>/<name> on Hugging Face")

    add = group(parser, "what is done")
    add("--output_dir", type=Path, required=True, help="The files to upload go here")
    add("--dry_run", action="store_true", help="Upload nothing")
    add(
        "--inference_config",
        type=Path,
        help="Decoding configuration that the results were made with; it goes along, "
        "and its options onto the card. Default: ESPnet's",
    )
    add("--inference_args", default="", help="Options of decoding that win over it")
    add_card_options(group(parser, "the model card"))
    add_help(parser)
    return parser


def main(cmd: list[str] | None = None) -> None:
    """Make the repository, list it, and upload it.

    Raises:
        UserError: If results are of another model, the Hub would refuse language or
            licence, the package or an option of decoding is refused, a result is
            damaged, or the upload fails.
    """
    args = get_parser().parse_args(cmd)
    setup_logging()
    check_measured(args.exp, args.model_zip)
    metadata = card_metadata(
        args.lang, args.license, args.license_name, args.license_link
    )
    files = read_contents(args.model_zip)
    settings = read_config(args.model_zip)
    # Imported late: --help needs no ESPnet, whose import takes seconds.
    from espnet_mtl.inference.search import read_search

    search = read_search(Decoding(args.inference_config, args.inference_args))
    decoding = search.describe(settings["token_list"], files)
    texts = {
        "README.md": model_card(
            args.repo, args.exp, files, settings, decoding, metadata
        ),
        DECODING_NAME: yaml.safe_dump(decoding, sort_keys=False),
    }
    results = [args.exp / "RESULTS.md", args.exp / "report"]
    sizes = make_repository(args.model_zip, texts, results, args.output_dir)
    for name, size in sizes.items():
        print(f"{size:>12,}  {name}")
    print(f"{sum(sizes.values()):>12,}  bytes in {len(sizes)} files: {args.output_dir}")
    if args.dry_run:
        logging.info(
            "Nothing is uploaded to %s: read %s, then give --upload_dry_run false",
            args.repo,
            args.output_dir / "README.md",
        )
        return
    logging.info("Uploaded to %s", upload(args.output_dir, args.repo))


def check_measured(exp: Path, model_zip: Path) -> None:
    """Check that an experiment's results are those of a packed model.

    Raises:
        UserError: If one is of other weights.
    """
    weights = hash_weights(model_zip)
    for folder in find_clean(exp):
        check_weights(folder, weights, model_zip)
    for folder in find_attacks(exp):
        place = folder / read_attack_scores(folder).attack_dir
        attack_dir = Path(os.path.normpath(place))  # as a message shows it
        if (attack_dir / ATTACK_NAME).is_file():
            check_attacked(attack_dir, model_zip)


if __name__ == "__main__":
    run_main(main)
