"""Stage 4: leave out utterances that are too long, too short, or without words."""

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from espnet_mtl.data.datadir import REQUIRED_FILES, load_data_dir
from espnet_mtl.data.errors import DataDirError
from espnet_mtl.data.kept import (
    LEFT_OUT,
    Fate,
    find_losses,
    format_kept,
    write_left_out,
)
from espnet_mtl.data.tools.subset import subset_data_dir


@dataclass(frozen=True)
class Limits:
    """Lengths that training can use, in seconds: between the two, as in ESPnet."""

    shortest: float
    longest: float

    def judge(self, seconds: float | None, words: str) -> str:
        """Say why an utterance is left out: ``short``, ``long``, ``empty``, or not."""
        if seconds is not None and seconds <= self.shortest:
            return "short"
        if seconds is not None and seconds >= self.longest:
            return "long"
        return "" if words else "empty"


def warn_of_losses(fates_by_name: Mapping[str, Sequence[Fate]]) -> None:
    """Warn of sets and accents that lose much, and say what can be done."""
    losses = [
        loss
        for name, fates in fates_by_name.items()
        for loss in find_losses(name, fates)
    ]
    if not losses:
        return
    lengths = [
        fate.seconds or 0
        for fates in fates_by_name.values()
        for fate in fates
        if fate.reason == "long"
    ]
    longest = f" (the longest utterance has {max(lengths):.1f} s)" if lengths else ""
    logging.warning(
        "Stage 4 leaves out much; --min_wav_duration and --max_wav_duration set the "
        "limits%s, and long recordings can be cut into utterances ('segments'):%s",
        longest,
        "".join(f"\n    {loss}" for loss in losses),
    )


def remove_long_short(source: Path, target: Path, rate: int, limits: Limits) -> None:
    """Copy a formatted data directory without the utterances that training cannot use.

    Those with words and a length within the limits stay. What is left out is listed in
    ``<target>/left_out.tsv``.

    Args:
        rate: Sampling rate in Hz.

    Raises:
        DataDirError: If a table is faulty, or nothing is left.
    """
    tables = load_data_dir(
        source, (*REQUIRED_FILES, "utt2num_samples"), may_be_empty=("text",)
    )
    fates = []
    for utt, num_samples in tables["utt2num_samples"].items():
        seconds = int(num_samples) / rate
        reason = limits.judge(seconds, tables["text"][utt])
        fates.append(Fate(utt, tables["utt2accent"][utt], seconds, reason))
    left_out = Counter(fate.reason for fate in fates)
    counts = (
        f"{left_out['short']} of at most {limits.shortest} s, {left_out['long']} of at "
        f"least {limits.longest} s, {left_out['empty']} with empty text"
    )
    kept = [fate.utt for fate in fates if not fate.reason]
    if not kept:
        raise DataDirError(
            f"{source}: no utterance is left ({counts}); change --min_wav_duration or "
            "--max_wav_duration, or fill in 'text'"
        )
    subset_data_dir(source, target, kept)
    write_left_out(target, fates)
    logging.info(
        "%s: kept %d of %d: left out %s", target, len(kept), len(fates), counts
    )
    if len(kept) == len(fates):
        return
    print(format_kept({target.name: fates}), flush=True)
    logging.info("%s: what was left out, and why", target / LEFT_OUT)
    warn_of_losses({str(target): fates})
