#!/usr/bin/env python3
"""Split a table into parts of nearly equal size: split_scp.py TABLE PART1 PART2 ..."""

import sys


def main():
    """Split; fail when there are more parts than lines."""
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    table, parts = sys.argv[1], sys.argv[2:]
    with open(table, encoding="utf-8") as file:
        lines = file.readlines()
    if len(lines) < len(parts):
        sys.exit(
            f"split_scp.py: Error: {table} has {len(lines)} lines, too few for "
            f"{len(parts)} parts; lower the number of jobs"
        )
    for i, part in enumerate(parts):
        begin, end = (len(lines) * k // len(parts) for k in (i, i + 1))
        with open(part, "w", encoding="utf-8") as file:
            file.writelines(lines[begin:end])


if __name__ == "__main__":
    main()
