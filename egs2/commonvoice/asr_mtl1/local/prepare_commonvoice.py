#!/usr/bin/env python3
"""Make data directories of an unpacked Common Voice release."""

import argparse
import logging
from pathlib import Path

from release import ReleaseTable, find_release, read_release

from espnet_mtl.data.prepare.accents import read_accent_map
from espnet_mtl.data.prepare.options import get_parser, read_options
from espnet_mtl.data.prepare.prepare import prepare
from espnet_mtl.data.prepare.quoting import add_quotes_option
from espnet_mtl.errors import run_main, setup_logging

CONF = Path(__file__).resolve().parents[1] / "conf"


def get_arguments(cmd: list[str] | None) -> argparse.Namespace:
    """Read the command line; where a language has no map, labels are classes."""
    parser = get_parser(
        __doc__,
        min_clips=100,
        min_speakers=5,
        max_bad_audio=0.01,
        text_case="upper",
        punctuation="remove",
        lang="en",
        free_text=None,
    )
    parser.add_argument("--root", default="", help="the release's folder")
    parser.add_argument("--tsv", default="validated.tsv", help="table of the clips")
    parser.add_argument(
        "--splits",
        choices=["auto", "release", "speaker"],
        default="auto",
        help="sets of the release (train.tsv, dev.tsv, test.tsv), by speaker, or those "
        "of the release where it has them",
    )
    add_quotes_option(parser)
    args = parser.parse_args(cmd)
    default_map = CONF / f"accents_{args.lang.replace('-', '_')}.tsv"
    if args.accent_map is None and default_map.is_file():
        args.accent_map = default_map
    if args.free_text is None:
        args.free_text = "class" if args.accent_map is None else "unknown"
    return args


def main(cmd: list[str] | None = None) -> None:
    """Run the command."""
    args = get_arguments(cmd)
    setup_logging()
    options = read_options(args)
    folder = find_release(args.root, args.lang, args.tsv)
    classes = read_accent_map(options.accent_map)
    logging.info(
        "Accent map: %s; other labels: %s",
        options.accent_map or "none for this language",
        options.free_text,
    )
    table = ReleaseTable(folder, args.lang, args.tsv, args.splits, args.quotes)
    clips = read_release(table, classes, options)
    sets = [f"{name}_{args.lang}" for name in ("train", "dev", "test")]
    prepare(clips, table.path, classes, options, sets, table.account)


if __name__ == "__main__":
    run_main(main)
