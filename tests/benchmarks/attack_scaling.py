#!/usr/bin/env python3
"""Whether time goes with the number of utterances, and memory stays, up to 10,000.

    PYTHONPATH=.:tests tests/benchmarks/attack_scaling.py

Attacks 100, 1,000 and 10,000 utterances of half a second with the stand-in victim of
the tests, whose model costs next to nothing, so that what is measured is all the rest:
reading audio, batches, records, journals, files, a run that finds all finished, and
merging. Each part runs in a process of its own. Prints processor time and peak memory
of each, the milliseconds of a further utterance, and the ratios: about 1 is linear, and
flat.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import soundfile

from espnet_mtl.data.tables import write_table

PARTS = {
    "attack": "toy_attack.run({data!r}, {out!r}, config=CONFIG)",
    "attack again": "toy_attack.run({data!r}, {out!r}, config=CONFIG)",
    "merge": "toy_attack.merge_again({data!r}, {out!r}, CONFIG)",
    "read": "d = pathlib.Path({out!r}); read_attack_run(d), read_records(d)",
}
# One trial: what a trial of an utterance costs is what goes with both.
PREAMBLE = """
import pathlib, sys
from dataclasses import replace
sys.path[:0] = ["tests"]
import toy_attack
from espnet_mtl.attack.attackers import AttackerConfig
from espnet_mtl.results.attack import read_attack_run, read_records
CONFIG = replace(
    toy_attack.CONFIG,
    budgets=(0.02,),
    controls=(),
    attackers={"multitask": AttackerConfig()},
    batch_bins=200_000,
)
"""
WORDS = ["a b", "c d e", "f", "g h a", "b d", "e f g"]
RATE = 8000


def get_parser() -> argparse.ArgumentParser:
    """Return the command's parser."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--num_utts", type=int, nargs=3, default=[100, 1000, 10000], metavar="N"
    )
    parser.add_argument("--num_samples", type=int, default=4000, help="Of each")
    return parser


def make_data(folder: Path, num_utts: int, num_samples: int) -> Path:
    """Write a data directory of noise."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    tables: dict[str, dict[str, str]] = {
        name: {} for name in ("wav.scp", "text", "utt2spk", "utt2accent")
    }
    for number in range(num_utts):
        key, speaker = f"s{number % 10}-{number:06d}", f"s{number % 10}"
        path = folder / f"{key}.wav"
        audio = 0.1 * rng.standard_normal(num_samples)
        soundfile.write(path, audio, RATE, subtype="PCM_16")
        tables["wav.scp"][key] = str(path)
        tables["text"][key] = WORDS[number % len(WORDS)]
        tables["utt2spk"][key] = speaker
        tables["utt2accent"][key] = ("north", "south")[number % 2]
    for name, table in tables.items():
        write_table(folder / name, dict(sorted(table.items())))
    spk2utt: dict[str, list[str]] = {}
    for key, speaker in sorted(tables["utt2spk"].items()):
        spk2utt.setdefault(speaker, []).append(key)
    write_table(folder / "spk2utt", {s: " ".join(u) for s, u in spk2utt.items()})
    return folder


def run(part: str, data: Path, out: Path) -> tuple[float, float]:
    """Run a part in a process of its own; return its seconds and its peak in MB."""
    code = PREAMBLE + PARTS[part].format(data=str(data), out=str(out))
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stderr=subprocess.DEVNULL,
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"'{part}' failed: {code}")
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def main() -> None:
    """Measure and print."""
    args = get_parser().parse_args()
    seconds = {part: [] for part in PARTS}
    peaks = {part: [] for part in PARTS}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for num_utts in args.num_utts:
            data = make_data(folder / f"d{num_utts}", num_utts, args.num_samples)
            for part in PARTS:
                began = time.monotonic()
                spent, peak = run(part, data, folder / f"o{num_utts}")
                seconds[part].append(spent)
                peaks[part].append(peak)
                print(
                    f"{num_utts:6} utterances, {part}: {spent:.2f} s of processor "
                    f"time, {time.monotonic() - began:.1f} s, {peak:.0f} MB",
                    flush=True,
                )
    few, some, many = args.num_utts
    for part in PARTS:
        first, middle, last = seconds[part]
        early = 1000 * (middle - first) / (some - few)
        late = 1000 * (last - middle) / (many - some)
        kilobytes = 1024 * (peaks[part][2] - peaks[part][0]) / (many - few)
        print(
            f"{part}: a further utterance takes {early:.2f} ms up to {some} and "
            f"{late:.2f} ms up to {many}, {late / early:.2f} times as much; memory "
            f"{peaks[part][2] / peaks[part][0]:.2f} times, {kilobytes:.1f} kB each"
        )


if __name__ == "__main__":
    main()
