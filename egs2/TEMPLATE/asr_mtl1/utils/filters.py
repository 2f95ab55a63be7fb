#!/usr/bin/env python3
"""Kaldi's filters of tables, in Python: links with Kaldi's names run them.

Lines are bytes, because Kaldi's tables are cut at blanks and tabs of ASCII whatever the
encoding. Results go to stdout.
"""

import argparse
import re
import signal
import sys
from pathlib import Path

NAME = Path(sys.argv[0]).name


def apply_map(parser):
    """Replace the words of stdin as a map says."""
    parser.add_argument(
        "-f",
        metavar="RANGE",
        type=parse_range,
        default=slice(None),
        help="only these words of a line: 2, 2-4, 2- or -4 (default: all)",
    )
    parser.add_argument(
        "--permissive",
        action="store_true",
        help="words that the map lacks stay, with a warning",
    )
    parser.add_argument(
        "map",
        help="each line is a word and what comes in its place: any number of words",
    )
    args = parser.parse_args()
    substitutes = read_map(args.map)
    for place, _, words in read_lines("-"):
        replaced = []
        for word in words[args.f]:
            if word not in substitutes:
                message = f"{place}: {args.map} has no line for {show(word)}"
                if not args.permissive:
                    fail(f"{message}; add one, or give --permissive to keep the word")
                print(f"{NAME}: warning: {message}", file=sys.stderr)
            replaced += substitutes.get(word, [word])
        words[args.f] = replaced
        write(words)


def filter_scp(parser):
    """Keep the lines whose id is listed."""
    parser.add_argument(
        "-f",
        metavar="N",
        type=parse_position,
        default=1,
        help="the id is the n-th word of a line (default: 1)",
    )
    parser.add_argument(
        "--exclude", action="store_true", help="keep the lines whose id is not listed"
    )
    parser.add_argument("id_list", help="the first word of each line counts")
    parser.add_argument("table", nargs="?", default="-", help="default: stdin")
    args = parser.parse_args()
    listed = read_map(args.id_list)
    for place, line, words in read_lines(args.table):
        if len(words) < args.f:
            fail(
                f"{place}: {len(words)} words in {show(line.strip())}, and the id is "
                f"to be word {args.f}; correct the line, or give another -f"
            )
        if (words[args.f - 1] in listed) != args.exclude:
            sys.stdout.buffer.write(line)


def spk2utt_to_utt2spk(parser):
    """Turn spk2utt into utt2spk; utterances keep their order."""
    parser.add_argument("spk2utt", nargs="?", default="-", help="default: stdin")
    for place, line, words in read_lines(parser.parse_args().spk2utt):
        if len(words) < 2:
            fail(
                f"{place}: no utterance in {show(line.strip())}; write '<speaker> "
                "<utterance> <utterance> ...', or remove the line"
            )
        for utt in words[1:]:
            write([utt, words[0]])


def utt2spk_to_spk2utt(parser):
    """Turn utt2spk into spk2utt; speakers and utterances keep their order."""
    parser.add_argument("utt2spk", nargs="?", default="-", help="default: stdin")
    utts = {}
    for place, line, words in read_lines(parser.parse_args().utt2spk):
        if len(words) != 2:
            fail(
                f"{place}: {len(words)} words in {show(line.strip())}; write "
                "'<utterance> <speaker>'"
            )
        utts.setdefault(words[1], []).append(words[0])
    for speaker, its in utts.items():
        write([speaker, *its])


FILTERS = (apply_map, filter_scp, spk2utt_to_utt2spk, utt2spk_to_spk2utt)


def fail(message):
    """End with a message."""
    sys.exit(f"{NAME}: Error: {message}")


def parse_range(text):
    """Return the slice that a range of words means."""
    match = re.fullmatch(r"([1-9]\d*)?([-:])?([1-9]\d*)?", text)
    if not match or text in ("", "-", ":"):
        fail(f"-f '{text}': write the number of a word (2) or a range (2-4, 2-, -4)")
    first = int(match[1] or 1)
    last = match[3] if match[2] else first
    return slice(first - 1, int(last) if last else None)


def parse_position(text):
    """Return the number of a word."""
    if not re.fullmatch(r"0*[1-9]\d*", text):
        fail(f"-f {text}: write the number of a word, 1 or more")
    return int(text)


def read_lines(path):
    """Yield (place, line, words) for each line of a file; "-" is stdin."""
    try:
        with sys.stdin.buffer if path == "-" else open(path, "rb") as file:
            for number, line in enumerate(file, start=1):
                place = "stdin" if path == "-" else path
                yield f"{place}:{number}", line, line.split()
    except OSError as error:
        fail(f"{path}: cannot be read ({error.strerror})")


def read_map(path):
    """Return first word -> other words, for all lines of a file."""
    rows = {}
    for place, _, words in read_lines(path):
        if not words:
            fail(f"{place}: the line is empty; remove it")
        rows[words[0]] = words[1:]
    return rows


def show(word):
    """Return a word as text for a message."""
    return "'" + word.decode("utf-8", "backslashreplace") + "'"


def write(words):
    """Write words as a line."""
    sys.stdout.buffer.write(b" ".join(words) + b"\n")


if __name__ == "__main__":
    # As Kaldi's do, end silently when the output is not read any more ("| head").
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    for run in FILTERS:
        if NAME == f"{run.__name__}.pl":
            run(argparse.ArgumentParser(description=run.__doc__))
