#!/usr/bin/env python3
"""Keep, or compare, which files a folder's content was made of."""

import argparse
import logging
import sys
from pathlib import Path

from espnet_mtl.errors import run_main, setup_logging
from espnet_mtl.provenance import find_changes, hash_file, read_stamp, write_stamp


def main(cmd: list[str] | None = None) -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "action",
        choices=("check", "write"),
        help="check: fail unless the content is of these files. write: note them",
    )
    parser.add_argument("directory", type=Path, help="where the content is")
    parser.add_argument("files", type=Path, nargs="+", help="what it was made of")
    args = parser.parse_args(cmd)
    setup_logging()
    stamp = {str(path): hash_file(path) for path in args.files}
    if args.action == "write":
        write_stamp(args.directory, stamp)
        return
    before = read_stamp(args.directory)
    if before is None:
        sys.exit(1)
    changes = find_changes(before, stamp)
    if changes:
        logging.info("%s: changed: %s", args.directory, ", ".join(changes))
        sys.exit(1)


if __name__ == "__main__":
    run_main(main)
