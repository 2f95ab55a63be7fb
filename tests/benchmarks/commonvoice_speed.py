#!/usr/bin/env python3
"""Print how long Common Voice's table takes to become data directories.

Metadata only, start-up included: clips are not opened. The table is made of 100,000
rows: 5,000 speakers, a few with thousands of clips, 400 different accent cells.
"""

import argparse
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MAKER = ROOT / "egs2/commonvoice/asr_mtl1/local/prepare_commonvoice.py"
COLUMNS = (
    "client_id path sentence_id sentence sentence_domain up_votes down_votes age "
    "gender accents variant locale segment"
).split()
NAMES = (
    "United States English",
    "England English",
    "India and South Asia (India, Pakistan, Sri Lanka)",
    "Canadian English",
    "Australian English",
    "Filipino",
)
WORDS = (
    "the of and a to in he was that it his her with as had for she not at but".split()
)


def write_release(folder: Path, num_rows: int) -> None:
    """Write a table such as a release has.

    Args:
        folder: The language's folder.
        num_rows: Its rows.
    """
    rng = random.Random(0)
    cells = ["", "", *NAMES, *(f"{a},{b}" for a in NAMES for b in NAMES if a != b)]
    cells += [f"{rng.choice(NAMES)},region {i}, town {i}" for i in range(370)]
    speakers = [f"{rng.getrandbits(512):0128x}" for _ in range(5000)]
    weights = [1 / (i + 1) for i in range(len(speakers))]
    accents = {speaker: rng.choice(cells) for speaker in speakers}
    folder.mkdir(parents=True)
    with (folder / "validated.tsv").open("w", encoding="utf-8") as file:
        file.write("\t".join(COLUMNS) + "\n")
        for i, speaker in enumerate(rng.choices(speakers, weights, k=num_rows)):
            row = dict.fromkeys(COLUMNS, "")
            row["client_id"] = speaker
            row["path"] = f"common_voice_en_{i}.mp3"
            row["sentence_id"] = f"{i:064x}"
            row["sentence"] = " ".join(rng.choices(WORDS, k=10)).capitalize() + "."
            row["accents"] = accents[speaker]
            file.write("\t".join(row.values()) + "\n")


def main(cmd: list[str] | None = None) -> None:
    """Run the command.

    Args:
        cmd: Arguments instead of those of the process.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--num_rows", type=int, default=100_000)
    parser.add_argument("--runs", type=int, default=3)
    args = parser.parse_args(cmd)
    with tempfile.TemporaryDirectory() as folder:
        release = Path(folder) / "cv-corpus" / "en"
        write_release(release, args.num_rows)
        for n in range(1, args.runs + 1):
            start = time.monotonic()
            subprocess.run(
                [sys.executable, MAKER, "--root", release, "--check_audio", "false"]
                + ["--output", Path(folder) / f"data{n}"],
                env={**os.environ, "PYTHONPATH": str(ROOT)},
                stdout=subprocess.DEVNULL,
                check=True,
            )
            print(f"run {n}: {time.monotonic() - start:.1f} s")
    # Of all runs, and one process each: the largest.
    memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(f"{args.num_rows} rows: peak memory {memory:.0f} MB")


if __name__ == "__main__":
    main()
