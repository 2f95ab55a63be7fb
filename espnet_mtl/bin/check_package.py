#!/usr/bin/env python3
"""Check that a packed model is that of the files that it should be packed from."""

import argparse
from pathlib import Path

from espnet_mtl.errors import run_main, setup_logging
from espnet_mtl.package.contents import check_contents
from espnet_mtl.package.packing import KEYS


def main(cmd: list[str] | None = None) -> None:
    """Compare; a difference is a ``UserError``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("zip_file", type=Path, help="The packed model")
    for name in KEYS:
        about = "A file that it was packed from"
        parser.add_argument(f"--{name}", type=Path, help=about)
    args = parser.parse_args(cmd)
    setup_logging()
    files = {name: getattr(args, name) for name in KEYS if getattr(args, name)}
    check_contents(args.zip_file, files)


if __name__ == "__main__":
    run_main(main)
