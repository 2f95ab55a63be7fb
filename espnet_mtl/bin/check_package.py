#!/usr/bin/env python3
"""Check that a packed model is that of the files that it should be packed from."""

from pathlib import Path

from espnet_mtl.errors import run_main, setup_logging
from espnet_mtl.grouped_help import add_help, group, make_parser
from espnet_mtl.package.contents import check_contents
from espnet_mtl.package.packing import KEYS
from espnet_mtl.results.attack import check_attacked


def main(cmd: list[str] | None = None) -> None:
    """Compare; a difference is a ``UserError``."""
    parser = make_parser(__doc__)
    group(parser)("zip_file", type=Path, help="The packed model")
    add = group(parser, "what it was packed from")
    for name in KEYS:
        add(f"--{name}", type=Path, help="A file that it was packed from")
    add("--attack_dir", type=Path, help="An attack that has to be on this package")
    add_help(parser)
    args = parser.parse_args(cmd)
    setup_logging()
    files = {name: getattr(args, name) for name in KEYS if getattr(args, name)}
    check_contents(args.zip_file, files)
    if args.attack_dir:
        check_attacked(args.attack_dir, args.zip_file)


if __name__ == "__main__":
    run_main(main)
