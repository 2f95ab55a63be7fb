#!/usr/bin/env python3
"""Print how many utterances a second mini_accent's maker makes on one core.

Start it as ``OMP_NUM_THREADS=1 taskset -c 0 python tests/benchmarks/corpus_speed.py``.
Other work on the core makes a run slower, never faster: the best run counts.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MAKER = ROOT / "egs2/mini_accent/asr_mtl1/local/make_corpus.py"


def run_maker(output: Path, num_utts: int) -> tuple[float, float]:
    """Make a corpus in a process of its own, start-up included.

    Args:
        output: A new folder: with old files about, a run is slower or faster.
        num_utts: How many utterances; 200 each are for ``valid`` and ``test``.

    Returns:
        Seconds by the clock, and seconds of processor time.
    """
    sizes = f"--num_train {num_utts - 400} --num_valid 200 --num_test 200"
    before, start = _children_seconds(), time.monotonic()
    subprocess.run(
        [sys.executable, MAKER, "--output", output, *sizes.split()],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stderr=subprocess.DEVNULL,
        check=True,
    )
    return time.monotonic() - start, _children_seconds() - before


def _children_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def main(cmd: list[str] | None = None) -> None:
    """Run the command.

    Args:
        cmd: Arguments instead of those of the process.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--num_utts", type=int, default=3000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--tmp", type=Path, help="where to write (default: /tmp)")
    args = parser.parse_args(cmd)

    cores = len(os.sched_getaffinity(0))
    print(f"{args.num_utts} utterances, start-up included, on {cores} core(s)")
    rates = []
    with tempfile.TemporaryDirectory(dir=args.tmp) as folder:
        for n in range(1, args.runs + 1):
            clock, processor = run_maker(Path(folder) / str(n), args.num_utts)
            rates.append(args.num_utts / clock)
            print(
                f"run {n}: {rates[-1]:.0f} utterances a second "
                f"({args.num_utts / processor:.0f} a second of processor time)"
            )
    print(f"best: {max(rates):.0f} utterances a second")


if __name__ == "__main__":
    main()
