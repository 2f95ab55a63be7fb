#!/usr/bin/env python3
"""Copy a part of a data directory."""

import logging
from pathlib import Path

from espnet_mtl.bin.kaldi_options import spell
from espnet_mtl.data.checks import check_apart
from espnet_mtl.data.tools.subset import choose, choose_listed, subset_data_dir
from espnet_mtl.errors import run_main, setup_logging
from espnet_mtl.grouped_help import add_help, group, make_parser

_USAGE = """subset_data_dir.sh [how] <source> <number> <target>
       subset_data_dir.sh --utt-list <file> <source> <target>
       subset_data_dir.sh --spk-list <file> <source> <target>"""
_HOW = {
    "first": "the first so many utterances",
    "last": "the last ones",
    "shortest": "the shortest ones",
    "per_spk": "up to so many of each speaker",
    "speakers": "speakers, drawn until they have so many utterances",
}


def main(cmd: list[str] | None = None) -> None:
    """Run the command."""
    parser = make_parser(__doc__, usage=_USAGE)
    add = group(parser)
    add("arguments", nargs="+", metavar="directories and number", help="see above")
    how = parser.add_argument_group("how").add_mutually_exclusive_group()
    for name, what in _HOW.items():
        flags = spell(name.replace("_", "-"))
        how.add_argument(
            *flags, dest="how", action="store_const", const=name, help=what
        )
    how.add_argument(*spell("utt-list"), type=Path, help="utterances to keep")
    how.add_argument(*spell("spk-list"), type=Path, help="speakers to keep")
    add_help(parser)
    args = parser.parse_args(cmd)
    setup_logging()
    names = args.utt_list or args.spk_list
    if len(args.arguments) != (2 if names else 3):
        parser.error(f"{len(args.arguments)} arguments given")
    source, target = Path(args.arguments[0]), Path(args.arguments[-1])
    check_apart(source, target)
    if names:
        utts = choose_listed(source, names, speakers=args.spk_list is not None)
    elif not args.arguments[1].isdecimal():
        parser.error(f"'{args.arguments[1]}' is not a number of utterances")
    else:
        utts = choose(source, args.how or "even", int(args.arguments[1]))
    subset_data_dir(source, target, utts)
    logging.info("%s: %d utterances of %s", target, len(utts), source)


if __name__ == "__main__":
    run_main(main)
