#!/usr/bin/env python3
"""Turn utt2spk into spk2utt: utt2spk_to_spk2utt.pl [utt2spk] > spk2utt

Reads stdin where no file is given. Speakers and utterances keep the order they come in.
"""
# Python under Kaldi's name, since recipes call it so.

import sys

from lines import fail, read_lines, show, write


def main():
    """Collect the utterances of each speaker."""
    if len(sys.argv) > 2 or sys.argv[1:2] in (["-h"], ["--help"]):
        sys.exit(__doc__)
    utts = {}
    for place, line, words in read_lines(sys.argv[1] if sys.argv[1:] else "-"):
        if len(words) != 2:
            fail(
                f"{place}: {len(words)} words in {show(line.strip())}; write "
                "'<utterance> <speaker>'"
            )
        utts.setdefault(words[1], []).append(words[0])
    for speaker, its in utts.items():
        write([speaker, *its])


if __name__ == "__main__":
    main()
