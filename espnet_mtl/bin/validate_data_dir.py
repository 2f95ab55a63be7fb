#!/usr/bin/env python3
"""Check a data directory."""

from pathlib import Path

from espnet_mtl.bin.kaldi_options import spell
from espnet_mtl.data.tools.validate import validate_data_dir
from espnet_mtl.errors import run_main, setup_logging
from espnet_mtl.grouped_help import add_help, group, make_parser

_OPTIONS = {
    "no-text": "text is not needed",
    "no-wav": "wav.scp is not needed",
    "no-accent": "utt2accent is not needed",
    "no-spk-sort": "sorting by speaker may give another order than by utterance",
    "non-print": "text may have control characters",
    "empty-text": "text may have utterances without words: stage 4 leaves them out",
    "no-feats": "accepted as in Kaldi; feats.scp is never needed here",
}


def main(cmd: list[str] | None = None) -> None:
    """Run the command."""
    parser = make_parser(__doc__, prog="validate_data_dir.sh")
    group(parser)("directory", type=Path, help="the data directory")
    add = group(parser, "what it may lack or have")
    for name, what in _OPTIONS.items():
        add(*spell(name), action="store_true", help=what)
    add_help(parser)
    args = parser.parse_args(cmd)
    setup_logging()
    validate_data_dir(
        args.directory,
        text=not args.no_text,
        wav=not args.no_wav,
        accent=not args.no_accent,
        speaker_order=not args.no_spk_sort,
        printable=not args.non_print,
        empty_text=args.empty_text,
    )


if __name__ == "__main__":
    run_main(main)
