#!/usr/bin/env python3
"""Make data directories of AESRC2020, as DataTang publishes it."""

from pathlib import Path

from aesrc2020 import find_corpus, read_corpus
from speaker_list import split_by_list

from espnet_mtl.data.prepare.accents import read_accent_map
from espnet_mtl.data.prepare.options import get_parser, read_options
from espnet_mtl.data.prepare.prepare import prepare
from espnet_mtl.errors import run_main, setup_logging

ACCENTS = Path(__file__).resolve().parents[1] / "conf" / "accents.tsv"


def main(cmd: list[str] | None = None) -> None:
    """Run the command."""
    parser = get_parser(
        __doc__,
        accent_map=ACCENTS,
        free_text=None,
        text_case="upper",
        punctuation="remove",
        lang="en",
    )
    parser.add_argument("--root", default="", help="the corpus's folder")
    parser.add_argument(
        "--test_speakers",
        type=Path,
        help="file, or folder of files, that list the test's speakers, one a line "
        "(US-G00007); without it, speakers are shared out",
    )
    args = parser.parse_args(cmd)
    setup_logging()
    is_strict = args.free_text is None
    args.free_text = args.free_text or "unknown"
    options = read_options(args)
    classes = read_accent_map(options.accent_map)
    folder = find_corpus(args.root, classes)
    codes = read_accent_map(ACCENTS)
    clips = read_corpus(folder, classes, codes, options, is_strict=is_strict)
    if args.test_speakers is not None:
        split_by_list(clips, args.test_speakers, options)
    prepare(clips, folder, classes, options)


if __name__ == "__main__":
    run_main(main)
