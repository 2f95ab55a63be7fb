#!/usr/bin/env python3
"""Copy a data directory, with other names of utterances and speakers."""

import logging
import shlex
import sys
from pathlib import Path

from espnet_mtl.bin import validate_data_dir
from espnet_mtl.bin.kaldi_options import spell
from espnet_mtl.data.tools.copy_dir import copy_data_dir
from espnet_mtl.errors import run_main, setup_logging
from espnet_mtl.grouped_help import add_help, group, make_parser

_OPTIONS = {"text": "--no-text", "wav.scp": "--no-wav", "utt2accent": "--no-accent"}


def main(cmd: list[str] | None = None) -> None:
    """Run the command."""
    parser = make_parser(__doc__, prog="copy_data_dir.sh")
    add = group(parser)
    add("source", type=Path, help="a data directory")
    add("target", type=Path, help="its copy")

    add = group(parser, "other names")
    for unit, what in (("utt", "utterances"), ("spk", "speakers")):
        for affix, place in (("prefix", "before"), ("suffix", "after")):
            help_text = f"put it {place} the {what}"
            add(*spell(f"{unit}-{affix}"), default="", help=help_text)
    add = group(parser, "more")
    add(*spell("extra-files"), default="", help="copy these as well")
    add(*spell("validate-opts"), default="", help="for the check at the end")
    add_help(parser)
    args = parser.parse_args(_bind_values(sys.argv[1:] if cmd is None else cmd))
    setup_logging()
    copy_data_dir(
        args.source,
        args.target,
        (args.utt_prefix, args.utt_suffix),
        (args.spk_prefix, args.spk_suffix),
        args.extra_files.split(),
    )
    logging.info("%s: a copy of %s", args.target, args.source)
    # What the source lacks, its copy may lack: words of an utterance as well.
    absent = [o for name, o in _OPTIONS.items() if not (args.source / name).is_file()]
    options = [*shlex.split(args.validate_opts), *absent, "--empty-text"]
    validate_data_dir.main([*options, str(args.target)])


def _bind_values(cmd: list[str]) -> list[str]:
    """Write ``--utt-suffix -a`` with ``=``: argparse takes ``-a`` for an option."""
    words = iter(cmd)
    return [
        f"{word}={next(words, '')}"
        if word.startswith("--") and word != "--help" and "=" not in word
        else word
        for word in words
    ]


if __name__ == "__main__":
    run_main(main)
