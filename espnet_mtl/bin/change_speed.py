#!/usr/bin/env python3
"""Print audio at another speed, as WAV of 16 bits.

This is the command that stage 2 writes to wav.scp:
    python3 -m espnet_mtl.bin.change_speed 0.9 /audio/a.wav |
"""

import argparse
import sys

from espnet_mtl.data.audio import encode_audio
from espnet_mtl.data.sources import read_source
from espnet_mtl.data.speed import ChangedSpeed
from espnet_mtl.errors import run_main, setup_logging


def main(cmd: list[str] | None = None) -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("factor", type=float, help="above 1 is faster")
    parser.add_argument("source", help="a file, or what else wav.scp may name")
    parser.add_argument(
        "part",
        type=float,
        nargs="*",
        metavar="start end",
        help="of a part of it, in seconds; -1 is the end",
    )
    args = parser.parse_args(cmd)
    setup_logging()
    if len(args.part) not in (0, 2):
        parser.error("give both start and end of a part")
    changed = ChangedSpeed.of(args.source, args.factor, args.part)
    samples, rate = read_source(changed.value, args.source)
    sys.stdout.buffer.write(encode_audio(samples[:, 0], rate, "wav"))


if __name__ == "__main__":
    run_main(main)
