"""Stage 4: leave out utterances that are too long, too short, or without words."""

import logging
from collections import Counter
from pathlib import Path

from espnet_mtl.data.datadir import REQUIRED_FILES, load_data_dir
from espnet_mtl.data.errors import DataDirError
from espnet_mtl.data.tools.subset import subset_data_dir


def remove_long_short(
    source: Path, target: Path, rate: int, shortest: float, longest: float
) -> None:
    """Copy a formatted data directory without the utterances that training cannot use.

    Those with words stay that are longer than ``shortest`` and shorter than ``longest``
    seconds at ``rate`` Hz.

    Raises:
        DataDirError: If a table is faulty, or nothing is left.
    """
    tables = load_data_dir(
        source, (*REQUIRED_FILES, "utt2num_samples"), may_be_empty=("text",)
    )
    kept: list[str] = []
    left_out: Counter[str] = Counter()
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
