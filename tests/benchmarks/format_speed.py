#!/usr/bin/env python3
"""Print how many times faster than real time stage 3 formats MP3, on one core.

Start it as ``OMP_NUM_THREADS=1 taskset -c 0 python tests/benchmarks/format_speed.py``.
One job is measured, start-up, journal and tables included. Other work on the core makes
a run slower by the clock, never faster: the best run counts.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import soundfile

ROOT = Path(__file__).resolve().parents[2]
CLIPS = ROOT.parent / "shared/data/cv-corpus-18.0-delta-2024-06-14/en/clips"


def write_source(clips: Path, hours: float, directory: Path) -> float:
    """Write a data directory that names clips, again and again if there are too few.

    Args:
        clips: Folder of MP3 files.
        hours: How much audio to name at least.
        directory: The data directory.

    Returns:
        Seconds of audio.
    """
    lengths = {
        path: soundfile.info(path).duration for path in sorted(clips.glob("*.mp3"))
    }
    if not lengths:
        sys.exit(f"{clips}: no MP3 in it; name a folder with --clips")
    lines, seconds = [], 0.0
    while seconds < hours * 3600:
        for path, length in lengths.items():
            lines.append((f"utt{len(lines):07d}", path))
            seconds += length
    directory.mkdir()
    tables = {"wav.scp": None, "text": "words", "utt2spk": "ann", "utt2accent": "north"}
    for name, value in tables.items():
        text = "".join(f"{utt} {value or path}\n" for utt, path in lines)
        (directory / name).write_text(text)
    return seconds


def run_stage(
    source: Path, target: Path, audio_format: str, fs: str
) -> tuple[float, float]:
    """Format in a process of its own.

    Args:
        source: Data directory.
        target: A new directory.
        audio_format: Format to write.
        fs: Sampling rate to write.

    Returns:
        Seconds by the clock, and seconds of processor time.
    """
    command = [sys.executable, "-m", "espnet_mtl.bin.format_wav_scp", "--fs", fs]
    before, start = _children_seconds(), time.monotonic()
    subprocess.run(
        [*command, "--audio_format", audio_format, source, target],
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
    parser.add_argument("--clips", type=Path, default=CLIPS, help="folder of MP3 files")
    parser.add_argument("--hours", type=float, default=1.0, help="audio to format")
    parser.add_argument("--audio_format", default="flac")
    parser.add_argument("--fs", default="16k")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--tmp", type=Path, help="where to write (default: /tmp)")
    args = parser.parse_args(cmd)

    speeds = []
    with tempfile.TemporaryDirectory(dir=args.tmp) as folder:
        source = Path(folder) / "source"
        seconds = write_source(args.clips, args.hours, source)
        print(f"{seconds / 3600:.2f} hours of MP3 to {args.audio_format} at {args.fs}")
        for n in range(1, args.runs + 1):
            clock, processor = run_stage(
                source, Path(folder) / str(n), args.audio_format, args.fs
            )
            speeds.append(seconds / processor)
            print(
                f"run {n}: {speeds[-1]:.0f} times real time by processor time "
                f"({seconds / clock:.0f} by the clock, {clock:.1f} s)"
            )
    print(f"best: {max(speeds):.0f} times real time on one core")


if __name__ == "__main__":
    main()
