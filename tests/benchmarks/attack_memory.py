#!/usr/bin/env python3
"""Whether the attack command's memory stays and its time grows in step with the data.

    PYTHONPATH=. tests/benchmarks/attack_memory.py \
--model_zip exp/study_mini_accent/asr_mtl_ctc/asr_mtl_ctc_valid.cer_ctc.ave.zip \
        --data_dir exp/study_mini_accent/dump/raw/test

Runs the whole command, from start to merged tables, on N, 4 N and 10 N utterances of
the same length, cut from those of a data directory, and prints each run's peak memory
and processor time. Ten times the utterances may take at most 1.1 times the memory; the
time for each further utterance is to be the same from N to 4 N as from 4 N to 10 N.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from espnet_mtl.data.tables import read_table, write_table

MULTIPLES = (1, 4, 10)


@dataclass(frozen=True)
class Usage:
    """What a run took: MB at its peak, processor time and clock in seconds."""

    peak_mb: float
    seconds: float
    clock: float


def get_parser() -> argparse.ArgumentParser:
    """Return the command's parser."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model_zip", type=Path, required=True)
    parser.add_argument("--data_dir", type=Path, required=True)
    parser.add_argument("--config", type=Path, default=Path("conf/attack_pgd.yaml"))
    parser.add_argument(
        "--attack_args",
        default="steps=3 budgets=[0.002]",
        help="Few steps do: what would grow grows with the utterances",
    )
    parser.add_argument("--num_utts", type=int, default=32, help="N")
    parser.add_argument("--num_samples", type=int, default=24000, help="Of each")
    parser.add_argument("--batch_size", type=int, default=8, help="Utterances in one")
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--threads", type=int, default=1)
    return parser


def make_data(args: argparse.Namespace, num_utts: int, folder: Path) -> Path:
    """Write a data directory of so many utterances, all of the same length."""
    source = {
        name: read_table(args.data_dir / name)
        for name in ("wav.scp", "text", "utt2spk", "utt2accent")
    }
    tables = {name: {} for name in source}
    folder.mkdir()
    utts = list(source["wav.scp"])
    for number in range(num_utts):
        utt = utts[number % len(utts)]
        key = f"{source['utt2spk'][utt]}-{number:06d}"
        audio, rate = soundfile.read(source["wav.scp"][utt], dtype="int16")
        # Another place of the same audio, so that no two utterances are equal
        audio = np.resize(np.roll(audio, -number), args.num_samples)
        soundfile.write(folder / f"{key}.wav", audio, rate, subtype="PCM_16")
        for name, table in tables.items():
            table[key] = source[name][utt]
        tables["wav.scp"][key] = str(folder / f"{key}.wav")
    for name, table in tables.items():
        write_table(folder / name, dict(sorted(table.items())))
    spk2utt = {}
    for key, speaker in sorted(tables["utt2spk"].items()):
        spk2utt.setdefault(speaker, []).append(key)
    write_table(folder / "spk2utt", {s: " ".join(u) for s, u in spk2utt.items()})
    return folder


def attack(args: argparse.Namespace, data_dir: Path, output_dir: Path) -> Usage:
    """Run the command in a process of its own.

    This process must stay small: the kernel gives a child its parent's peak to begin
    with.
    """
    batch_bins = args.batch_size * args.num_samples
    command = [sys.executable, "-m", "espnet_mtl.bin.asr_mtl_attack"]
    command += ["--model_zip", str(args.model_zip), "--data_dir", str(data_dir)]
    command += ["--output_dir", str(output_dir), "--config", str(args.config)]
    command += ["--attack_args", f"{args.attack_args} batch_bins={batch_bins}"]
    log = output_dir.with_suffix(".log")
    began = time.monotonic()
    with log.open("w") as stream:
        process = subprocess.Popen(
            command,
            stdout=stream,
            stderr=stream,
            env={**os.environ, "OMP_NUM_THREADS": str(args.threads)},
        )
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{log.read_text()[-2000:]}")
    return Usage(
        usage.ru_maxrss / 1024,
        usage.ru_utime + usage.ru_stime,
        time.monotonic() - began,
    )


def main() -> None:
    """Measure and print."""
    args = get_parser().parse_args()
    usages = {multiple: [] for multiple in MULTIPLES}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        data = {
            multiple: make_data(args, multiple * args.num_utts, folder / f"d{multiple}")
            for multiple in MULTIPLES
        }
        for repeat in range(args.repeats):
            for multiple in MULTIPLES:
                out = folder / f"o{multiple}_{repeat}"
                usage = attack(args, data[multiple], out)
                usages[multiple].append(usage)
                print(
                    f"{multiple * args.num_utts} utterances: {usage.peak_mb:.1f} MB, "
                    f"{usage.seconds:.2f} s of processor time, {usage.clock:.1f} s",
                    flush=True,
                )

    # The smallest time is the least disturbed one, the largest memory the true peak.
    peak = {m: max(usage.peak_mb for usage in usages[m]) for m in MULTIPLES}
    seconds = {m: min(usage.seconds for usage in usages[m]) for m in MULTIPLES}
    one, some, many = MULTIPLES
    early = (seconds[some] - seconds[one]) / (some - one) / args.num_utts
    late = (seconds[many] - seconds[some]) / (many - some) / args.num_utts
    kilobytes = 1024 * (peak[many] - peak[one]) / (many - one) / args.num_utts
    ratios = [
        large.peak_mb / small.peak_mb
        for small, large in zip(usages[one], usages[many], strict=True)
    ]
    print(
        f"{many} times the utterances take {statistics.median(ratios):.3f} times the "
        f"memory ({min(ratios):.3f} to {max(ratios):.3f}), {kilobytes:.1f} kB each; a "
        f"further utterance takes {1000 * early:.1f} ms at first and "
        f"{1000 * late:.1f} ms later, {late / early:.3f} times as much"
    )


if __name__ == "__main__":
    main()
