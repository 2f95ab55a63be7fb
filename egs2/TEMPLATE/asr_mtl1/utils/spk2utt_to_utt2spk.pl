#!/usr/bin/env python3
"""Turn spk2utt into utt2spk: spk2utt_to_utt2spk.pl [spk2utt] > utt2spk

Reads stdin where no file is given. Utterances keep the order they come in.
"""
# Python under Kaldi's name, since recipes call it so.

import sys

from lines import fail, read_lines, show, write


def main():
    """Write a line for each utterance."""
    if len(sys.argv) > 2 or sys.argv[1:2] in (["-h"], ["--help"]):
        sys.exit(__doc__)
    for place, line, words in read_lines(sys.argv[1] if sys.argv[1:] else "-"):
        if len(words) < 2:
            fail(
                f"{place}: no utterance in {show(line.strip())}; write '<speaker> "
                "<utterance> <utterance> ...', or remove the line"
            )
        for utt in words[1:]:
            write([utt, words[0]])


if __name__ == "__main__":
    main()
