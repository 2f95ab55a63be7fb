#!/usr/bin/env python3
"""Keep the lines whose id is listed: filter_scp.pl [options] <id-list> [in] > out

    -f <n>      the id is the n-th word of a line (1 where not given)
    --exclude   keep the lines whose id is not listed

The first word of each line of <id-list> counts. Reads stdin where no <in> is given.
"""
# Python under Kaldi's name, since recipes call it so.

import sys

from lines import fail, read_lines, show


def parse(arguments):
    """Return (position of the id, whether listed lines go, list, input)."""
    position, exclude, rest = 1, False, list(arguments)
    while rest and rest[0].startswith("-") and rest[0] != "-":
        option = rest.pop(0)
        if option == "--exclude":
            exclude = True
        elif option == "-f" and rest and rest[0].isdecimal() and int(rest[0]) > 0:
            position = int(rest.pop(0))
        elif option == "-f":
            fail(f"-f {' '.join(rest[:1])}: write the number of a word, 1 or more")
        else:
            sys.exit(__doc__)
    if len(rest) not in (1, 2):
        sys.exit(__doc__)
    return position, exclude, rest[0], rest[1] if rest[1:] else "-"


def main():
    """Filter."""
    position, exclude, id_list, table = parse(sys.argv[1:])
    listed = set()
    for place, _, words in read_lines(id_list):
        if not words:
            fail(f"{place}: the line is empty; remove it")
        listed.add(words[0])
    for place, line, words in read_lines(table):
        if len(words) < position:
            fail(
                f"{place}: {len(words)} words in {show(line.strip())}, and the id is "
                f"to be word {position}; mend the line, or give another -f"
            )
        if (words[position - 1] in listed) != exclude:
            sys.stdout.buffer.write(line)


if __name__ == "__main__":
    main()
