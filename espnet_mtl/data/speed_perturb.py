"""Stage 2: more training data, by playing it slower and faster."""

import argparse
import logging
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import soxr

from espnet_mtl.data.audio import read_audio_rate, write_audio
from espnet_mtl.data.datadir import (
    check_apart,
    check_file_names,
    load_data_dir,
    write_data_dir,
)
from espnet_mtl.data.errors import DataDirError
from espnet_mtl.errors import run_main, setup_logging

_PROGRESS_SECONDS = 5.0


def change_speed(samples: np.ndarray, rate: int, factor: float) -> np.ndarray:
    """Play faster or slower: tempo and pitch change alike (Ko et al. 2015, section 3).

    Args:
        samples: Samples in [-1, 1], (Samples,).
        rate: Their sampling rate in Hz.
        factor: Speed; above 1 is faster.

    Returns:
        Samples at the same rate, about ``Samples / factor`` of them, in [-1, 1].
    """
    return soxr.resample(samples, rate * factor, rate).clip(-1.0, 1.0)


def perturb_speed(
    source: Path, target: Path, factors: list[float], jobs: int = 1
) -> None:
    """Write a data directory with one copy of each utterance for each speed.

    A copy at speed 0.9 is named ``sp0.9-<utterance>`` and has a speaker of its own,
    ``sp0.9-<speaker>``, since its pitch is another; its text and accent stay. At speed
    1 the utterance itself is kept.

    Args:
        source: Data directory to read.
        target: Data directory to write; new audio goes to ``<target>/data``.
        factors: Speeds.
        jobs: Threads.

    Raises:
        DataDirError: If a table is faulty or audio is unusable.
    """
    check_apart(source, target)
    tables = load_data_dir(source)
    check_file_names(source / "utt2spk", tables["utt2spk"])
    folder = (target / "data").resolve()

    def copy(item: tuple[float, str]) -> None:
        factor, utt = item
        samples, rate = read_audio_rate(tables["wav.scp"][utt], utt=utt)
        path = folder / f"{_prefix(factor)}{utt}.wav"
        write_audio(path, change_speed(samples, rate, factor), rate)

    todo = [(factor, utt) for factor in factors for utt in tables["wav.scp"]]
    copies = [item for item in todo if item[0] != 1.0]
    reported = time.monotonic()
    with ThreadPoolExecutor(jobs) as pool:
        for done, _ in enumerate(pool.map(copy, copies), start=1):
            if time.monotonic() - reported > _PROGRESS_SECONDS or done == len(copies):
                reported = time.monotonic()
                logging.info("progress: %d/%d utterances (speed)", done, len(copies))

    perturbed: dict[str, dict[str, str]] = {name: {} for name in tables}
    for factor, utt in todo:
        new = _prefix(factor) + utt
        for name, table in tables.items():
            perturbed[name][new] = table[utt]
        perturbed["utt2spk"][new] = _prefix(factor) + tables["utt2spk"][utt]
        if factor != 1.0:
            perturbed["wav.scp"][new] = str(folder / f"{new}.wav")
    write_data_dir(target, perturbed)


def _prefix(factor: float) -> str:
    return "" if factor == 1.0 else f"sp{factor:g}-"


def read_factors(text: str) -> list[float]:
    """Read speeds as ``--speed_perturb_factors`` takes them.

    Args:
        text: Numbers with blanks between, such as ``0.9 1.0 1.1``.

    Returns:
        The speeds.

    Raises:
        DataDirError: If one is no speed, or is there twice.
    """
    try:
        factors = [float(word) for word in text.split()]
    except ValueError:
        factors = []
    if (
        not factors
        or len(set(factors)) < len(factors)
        or not all(0.1 <= factor <= 10 for factor in factors)
    ):
        raise DataDirError(
            f"--speed_perturb_factors '{text}': write different speeds between 0.1 and "
            "10, such as '0.9 1.0 1.1'"
        )
    return factors


def main(cmd: list[str] | None = None) -> None:
    """Run the command.

    Args:
        cmd: Command-line arguments; ``sys.argv`` when not given.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--factors", required=True, help="Such as '0.9 1.0 1.1'")
    parser.add_argument("--nj", type=int, default=1, help="Threads")
    parser.add_argument("source", type=Path)
    parser.add_argument("target", type=Path)
    args = parser.parse_args(cmd)
    setup_logging()
    perturb_speed(args.source, args.target, read_factors(args.factors), args.nj)


if __name__ == "__main__":
    run_main(main)
