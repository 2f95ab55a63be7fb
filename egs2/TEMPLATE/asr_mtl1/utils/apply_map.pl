#!/usr/bin/env python3
"""Replace words as a map says: apply_map.pl [options] <map> < in > out

    -f <range>     only these words of a line: 2, 2-4, 2- or -4 (all where not given)
    --permissive   words that the map lacks stay, with a warning

A line of <map> is a word and what comes in its place: several words, one, or none.
"""
# Python under Kaldi's name, since recipes call it so.

import re
import sys

from lines import fail, read_lines, show, write


def parse(arguments):
    """Return (slice of the words to replace, whether words may be unknown, map)."""
    wanted, permissive, rest = slice(None), False, list(arguments)
    while rest and rest[0].startswith("-"):
        option = rest.pop(0)
        if option == "--permissive":
            permissive = True
        elif option == "-f":
            wanted = parse_range(rest.pop(0) if rest else "")
        else:
            sys.exit(__doc__)
    if len(rest) != 1:
        sys.exit(__doc__)
    return wanted, permissive, rest[0]


def parse_range(text):
    """Return the slice that a range of words means."""
    match = re.fullmatch(r"([1-9]\d*)?([-:])?([1-9]\d*)?", text)
    if not match or text in ("", "-", ":"):
        fail(f"-f '{text}': write the number of a word (2) or a range (2-4, 2-, -4)")
    first = int(match[1] or 1)
    last = match[3] if match[2] else first
    return slice(first - 1, int(last) if last else None)


def main():
    """Replace."""
    wanted, permissive, path = parse(sys.argv[1:])
    substitutes = {}
    for place, _, words in read_lines(path):
        if not words:
            fail(f"{place}: the line is empty; remove it")
        substitutes[words[0]] = words[1:]
    for place, _, words in read_lines("-"):
        replaced = []
        for word in words[wanted]:
            if word not in substitutes:
                message = f"{place}: {path} has no line for {show(word)}"
                if not permissive:
                    fail(f"{message}; add one, or give --permissive to keep the word")
                print(f"apply_map.pl: warning: {message}", file=sys.stderr)
            replaced += substitutes.get(word, [word])
        words[wanted] = replaced
        write(words)


if __name__ == "__main__":
    main()
