#!/usr/bin/env python3
"""Tell what a packed model has: a line for each file that decoding knows."""

import argparse
from pathlib import Path

from espnet_mtl.errors import run_main, setup_logging
from espnet_mtl.export.unpacking import named_files, open_package, read_meta


def read_contents(zip_file: Path) -> dict[str, str]:
    """Read what a package names.

    Args:
        zip_file: The package.

    Returns:
        Name in the zip, by the name of the argument of ``Speech2Text``.

    Raises:
        UserError: If it is no ASR package.
    """
    with open_package(zip_file) as archive:
        return named_files(read_meta(archive, zip_file))


def main(cmd: list[str] | None = None) -> None:
    """Print ``<argument of Speech2Text> <file in the zip>``.

    Args:
        cmd: Command-line arguments; ``sys.argv`` when not given.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("zip_file", type=Path)
    args = parser.parse_args(cmd)
    setup_logging()
    for name, file in read_contents(args.zip_file).items():
        print(name, file)


if __name__ == "__main__":
    run_main(main)
