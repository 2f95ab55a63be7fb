"""Check that Hugging Face takes a model card's language and licence."""

import argparse

from espnet_mtl.errors import run_main, setup_logging
from espnet_mtl.grouped_help import Add
from espnet_mtl.report.card_metadata import UNKNOWN_LANGUAGE, card_metadata


def add_card_options(add: Add) -> None:
    """Add the options that say language and licence, by what adds one."""
    add("--lang", default=UNKNOWN_LANGUAGE, help="Language code, for the card")
    add("--license", default="cc-by-4.0", help="Licence as the Hub names it")
    add("--license_name", default="", help="Name of the licence, for --license other")
    add("--license_link", default="", help="Its address, for --license other")


def get_parser() -> argparse.ArgumentParser:
    """Return the command's parser."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_card_options(parser.add_argument)
    return parser


def main(cmd: list[str] | None = None) -> None:
    """Run the command, with the arguments ``cmd`` instead of those of the process.

    Raises:
        UserError: If the Hub would refuse the card.
    """
    args = get_parser().parse_args(cmd)
    setup_logging()
    card_metadata(args.lang, args.license, args.license_name, args.license_link)


if __name__ == "__main__":
    run_main(main)
