#!/usr/bin/env python3
"""Split a table into parts of nearly equal size: split_scp.py TABLE PART1 PART2 ..."""

import os
import sys


def main():
    """Split; fail when there are more parts than lines."""
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    table, parts = sys.argv[1], sys.argv[2:]
    with open(table, encoding="utf-8", newline="\n") as file:
        lines = file.readlines()
    if len(lines) < len(parts):
        sys.exit(
            f"split_scp.py: Error: {table} has {len(lines)} lines, too few for "
            f"{len(parts)} parts; lower the number of jobs"
        )
    for i, part in enumerate(parts):
        begin, end = (len(lines) * k // len(parts) for k in (i, i + 1))
        # Whole at once: a job of an earlier call may be about to read the same.
        with open(f"{part}.new", "w", encoding="utf-8", newline="\n") as file:
            file.writelines(lines[begin:end])
        os.replace(f"{part}.new", part)


if __name__ == "__main__":
    main()
