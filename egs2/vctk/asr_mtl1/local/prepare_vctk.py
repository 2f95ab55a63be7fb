#!/usr/bin/env python3
"""Make data directories of CSTR VCTK, version 0.92 or 0.80."""

from vctk import MICS, find_corpus, read_corpus

from espnet_mtl.data.prepare.options import get_parser, read_options
from espnet_mtl.data.prepare.own_corpus import classes_of
from espnet_mtl.data.prepare.prepare import prepare
from espnet_mtl.errors import run_main, setup_logging


def main(cmd: list[str] | None = None) -> None:
    """Run the command."""
    # A published copy lacks some audio: with mic2, all of p280. Sentences have several
    # readers, so that a test by speaker alone is not one of unseen sentences.
    parser = get_parser(
        __doc__,
        max_bad_audio=0.02,
        text_case="upper",
        punctuation="remove",
        lang="en",
        valid_share=0.05,
        shared_text="drop_train",
    )
    parser.add_argument("--root", default="", help="the corpus's folder")
    parser.add_argument("--mic", choices=MICS, default=MICS[0], help="the microphone")
    args = parser.parse_args(cmd)
    setup_logging()
    options = read_options(args)
    corpus = find_corpus(args.root, args.mic)
    clips = read_corpus(corpus, options)
    prepare(clips, corpus.folder, classes_of(clips, options.accent_map), options)


if __name__ == "__main__":
    run_main(main)
