#!/usr/bin/env python3
"""Check that a packed model is that of the files that it should be packed from."""

import argparse
from pathlib import Path

from espnet_mtl.errors import run_main, setup_logging
from espnet_mtl.package.contents import FILES, check_contents


def main(cmd: list[str] | None = None) -> None:
    """Compare; a difference ends the command.

    Args:
        cmd: Command-line arguments; ``sys.argv`` when not given.

    Raises:
        UserError: If the package was packed from other files.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("zip_file", type=Path, help="The packed model")
    for name in FILES:
        parser.add_argument(f"--{name}", type=Path)
    args = parser.parse_args(cmd)
    setup_logging()
    files = {name: getattr(args, name) for name in FILES}
    check_contents(args.zip_file, {k: v for k, v in files.items() if v is not None})


if __name__ == "__main__":
    run_main(main)
