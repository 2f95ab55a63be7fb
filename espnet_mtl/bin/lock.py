#!/usr/bin/env python3
"""Lock an open file of the shell that calls: python3 -m espnet_mtl.bin.lock FD

The exit status is 75 where another process has the lock.
"""

import sys

from espnet_mtl.locks import IN_USE, lock_file


def main(cmd: list[str] | None = None) -> None:
    """Run the command."""
    [descriptor] = sys.argv[1:] if cmd is None else cmd
    try:
        lock_file(int(descriptor))
    except BlockingIOError:
        sys.exit(IN_USE)


if __name__ == "__main__":
    main()
