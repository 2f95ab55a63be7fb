"""Stage 3: bring audio to one rate and format, and the tables along."""

import argparse
import logging
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import soxr

from espnet_mtl.data.audio import (
    read_audio_rate,
    read_rate,
    to_16_bit,
    write_audio,
)
from espnet_mtl.data.datadir import (
    check_apart,
    check_file_names,
    load_data_dir,
    write_data_dir,
    write_line,
)
from espnet_mtl.data.errors import DataDirError
from espnet_mtl.data.tables import read_table, write_text
from espnet_mtl.errors import run_main, setup_logging

_PROGRESS_SECONDS = 5.0


def format_audio(
    source: Path, target: Path, rate: int, audio_format: str, jobs: int
) -> None:
    """Write every utterance at one rate and in one format.

    Args:
        source: Data directory to read.
        target: Data directory to write; audio goes to ``<target>/data``.
        rate: Sampling rate in Hz.
        audio_format: ``wav`` or ``flac``.
        jobs: Threads (decoding, resampling and encoding all leave Python's lock).

    Raises:
        DataDirError: If any utterance is unusable; ``<target>/bad_audio`` then lists
            every one with its reason, and no tables are written.
    """
    check_apart(source, target)
    tables = load_data_dir(source)
    check_file_names(source / "utt2spk", tables["utt2spk"])
    # Targets of the user's own go along; those that were drawn for other data go.
    (target / "text_target").unlink(missing_ok=True)
    if (source / "text_target").exists():
        tables["text_target"] = read_table(source / "text_target")
    folder = (target / "data").resolve()
    # Tables of an earlier run would name audio of this one if it stopped half-way.
    (target / "wav.scp").unlink(missing_ok=True)

    def convert(item: tuple[str, str]) -> tuple[str, int, str]:
        utt, path = item
        try:
            levels = _read_at(path, rate, utt)
        except DataDirError as error:
            return utt, 0, str(error)
        write_audio(folder / f"{utt}.{audio_format}", levels, rate)
        return utt, len(levels), ""

    lengths, bad = {}, {}
    total, reported = len(tables["wav.scp"]), time.monotonic()
    with ThreadPoolExecutor(jobs) as pool:
        for utt, length, fault in pool.map(convert, tables["wav.scp"].items()):
            if fault:
                bad[utt] = fault
            lengths[utt] = str(length)
            if time.monotonic() - reported > _PROGRESS_SECONDS:
                reported = time.monotonic()
                logging.info("progress: %d/%d utterances (audio)", len(lengths), total)
    logging.info("progress: %d/%d utterances (audio)", len(lengths), total)
    if bad:
        _refuse(bad, target / "bad_audio", total)
    (target / "bad_audio").unlink(missing_ok=True)
    tables["wav.scp"] = {u: str(folder / f"{u}.{audio_format}") for u in lengths}
    write_data_dir(target, {**tables, "utt2num_samples": lengths})
    write_line(target / "feats_type", "raw")
    write_line(target / "audio_format", audio_format)


def _read_at(path: str, rate: int, utt: str) -> np.ndarray:
    samples, found = read_audio_rate(path, utt=utt)
    if found != rate:
        samples = soxr.resample(samples, found, rate)
    levels = to_16_bit(samples)
    if not levels.any():
        raise DataDirError(
            f"utterance {utt}: {path}: so quiet or short that nothing is left at "
            f"{rate} Hz and 16 bits; remove the utterance"
        )
    return levels


def _refuse(bad: dict[str, str], path: Path, total: int) -> None:
    write_text(path, "".join(f"{utt} {fault}\n" for utt, fault in bad.items()))
    shown = "\n  ".join(list(bad.values())[:10])
    raise DataDirError(
        f"{len(bad)} of {total} utterances have unusable audio (all are in {path}); "
        f"mend them, or remove them from wav.scp and run utils/fix_data_dir.sh:\n"
        f"  {shown}"
    )


def main(cmd: list[str] | None = None) -> None:
    """Run the command.

    Args:
        cmd: Command-line arguments; ``sys.argv`` when not given.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fs", default="16k", help="16k or 16000")
    parser.add_argument("--audio_format", choices=["wav", "flac"], default="flac")
    parser.add_argument("--nj", type=int, default=1, help="Threads")
    parser.add_argument("source", type=Path)
    parser.add_argument("target", type=Path)
    args = parser.parse_args(cmd)
    setup_logging()
    rate = read_rate(args.fs)
    format_audio(args.source, args.target, rate, args.audio_format, args.nj)


if __name__ == "__main__":
    run_main(main)
