"""Stage 4: leave out utterances that are too long, too short, or without words."""

import argparse
import logging
from collections import Counter
from pathlib import Path

from espnet_mtl.data.audio import read_rate
from espnet_mtl.data.datadir import REQUIRED_FILES, load_data_dir
from espnet_mtl.data.errors import DataDirError
from espnet_mtl.data.tools.subset import subset_data_dir
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
    tables = load_data_dir(
        source, (*REQUIRED_FILES, "utt2num_samples"), may_be_empty=("text",)
    )
    kept, left_out = [], Counter()
    for utt, num_samples in tables["utt2num_samples"].items():
        seconds = int(num_samples) / rate
        if seconds <= shortest:
            left_out["short"] += 1
        elif seconds >= longest:
            left_out["long"] += 1
        elif not tables["text"][utt]:
            left_out["empty"] += 1
        else:
            kept.append(utt)
    counts = (
        f"{left_out['short']} of at most {shortest} s, {left_out['long']} of at least "
        f"{longest} s, {left_out['empty']} with empty text"
    )
    if not kept:
        raise DataDirError(
            f"{source}: no utterance is left ({counts}); change --min_wav_duration or "
            "--max_wav_duration, or fill in 'text'"
        )
    subset_data_dir(source, target, kept)
    logging.info(
        "%s: kept %d of %d: left out %s", target, len(kept), len(tables["text"]), counts
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
