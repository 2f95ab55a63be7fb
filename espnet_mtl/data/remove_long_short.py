"""Stage 4: leave out utterances that are too long or too short."""

import argparse
import logging
from pathlib import Path

from espnet_mtl.data.audio import read_rate
from espnet_mtl.data.datadir import REQUIRED_FILES, load_data_dir
from espnet_mtl.data.errors import DataDirError
from espnet_mtl.data.subset import subset_data_dir
from espnet_mtl.errors import run_main, setup_logging


def remove_long_short(
    source: Path, target: Path, rate: int, shortest: float, longest: float
) -> None:
    """Copy a formatted data directory without the utterances that training cannot use.

    Args:
        source: Data directory with ``utt2num_samples``.
        target: Data directory to write.
        rate: Sampling rate in Hz.
        shortest: Utterances must be longer than this, in seconds.
        longest: Utterances must be shorter than this, in seconds.

    Raises:
        DataDirError: If a table is faulty, or nothing is left.
    """
    tables = load_data_dir(source, (*REQUIRED_FILES, "utt2num_samples"))
    seconds = {utt: int(n) / rate for utt, n in tables["utt2num_samples"].items()}
    too_short = [utt for utt, s in seconds.items() if s <= shortest]
    too_long = [utt for utt, s in seconds.items() if s >= longest]
    kept = [utt for utt, s in seconds.items() if shortest < s < longest]
    counts = (
        f"{len(too_short)} of at most {shortest} s, {len(too_long)} of at least "
        f"{longest} s"
    )
    if not kept:
        raise DataDirError(
            f"{source}: no utterance is left ({counts}); change --min_wav_duration or "
            "--max_wav_duration"
        )
    subset_data_dir(source, target, kept)
    logging.info(
        "%s: kept %d of %d: left out %s", target, len(kept), len(seconds), counts
    )


def main(cmd: list[str] | None = None) -> None:
    """Run the command.

    Args:
        cmd: Command-line arguments; ``sys.argv`` when not given.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fs", default="16k", help="16k or 16000")
    parser.add_argument("--min_wav_duration", type=float, default=0.1)
    parser.add_argument("--max_wav_duration", type=float, default=20.0)
    parser.add_argument("source", type=Path)
    parser.add_argument("target", type=Path)
    args = parser.parse_args(cmd)
    setup_logging()
    remove_long_short(
        args.source,
        args.target,
        read_rate(args.fs),
        args.min_wav_duration,
        args.max_wav_duration,
    )


if __name__ == "__main__":
    run_main(main)
