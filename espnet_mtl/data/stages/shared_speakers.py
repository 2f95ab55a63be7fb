"""Refuses speakers of training in other sets: the model would know their voices."""

import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from espnet_mtl.data.checks import some
from espnet_mtl.data.errors import DataDirError
from espnet_mtl.data.speed import voice_of
from espnet_mtl.data.tables import read_table


def add_allow_option(add: Callable[..., object]) -> None:
    """Add the option whose value, ``true`` or ``false``, says whether to warn only."""
    add(
        "--allow_shared_speakers",
        choices=("true", "false"),
        default="false",
        help="Whether other sets may have speakers of the training set",
    )


def check_speakers_apart(
    train_dir: Path, other_dirs: Sequence[Path], *, allow: bool
) -> None:
    """Refuse sets that have speakers of the training set; warn only, if allowed.

    The training set's audio may be at several speeds.

    Raises:
        DataDirError: If a speaker is shared; the message names set and line.
    """
    tables = {path: read_table(path / "utt2spk") for path in [train_dir, *other_dirs]}
    _warn_of_unknown(tables)
    trained = _voices(tables.pop(train_dir))
    faults = [
        fault
        for path, table in tables.items()
        if (fault := _find(path, table, trained))
    ]
    if not faults:
        return
    said = f"speakers of the training set {train_dir}: {'; '.join(faults)}"
    if not allow:
        raise DataDirError(
            f"{said}. The model would be tested on voices from its training; put each "
            "speaker into one set, or accept this with --allow_shared_speakers true"
        )
    logging.warning(
        "%s. The results are for voices that the model knows from training", said
    )


def _warn_of_unknown(tables: Mapping[Path, Mapping[str, str]]) -> None:
    """Warn where speakers are certainly not those who speak.

    A small set may have a speaker for each utterance; all sets together have not.
    """
    unknown = [p for p, own in tables.items() if all(u == s for u, s in own.items())]
    speakers = [speaker for own in tables.values() for speaker in own.values()]
    if len(set(speakers)) == len(speakers) > len(tables):
        unknown = list(tables)
    for path in unknown:
        logging.warning(
            "%s: every utterance has a different speaker, so it cannot be checked "
            "whether a speaker is in several sets",
            path / "utt2spk",
        )


def _voices(utt2spk: Mapping[str, str]) -> set[str]:
    """Name the speakers, also as they are called at their own speed."""
    own_speed = {voice_of(utt, speaker) for utt, speaker in utt2spk.items()}
    return own_speed | set(utt2spk.values())


def _find(path: Path, utt2spk: Mapping[str, str], trained: set[str]) -> str | None:
    speakers = dict.fromkeys(utt2spk.values())
    shared = [speaker for speaker in speakers if speaker in trained]
    if not shared:
        return None
    line = next(n for n, s in enumerate(utt2spk.values(), start=1) if s == shared[0])
    return (
        f"{path / 'utt2spk'}:{line}: {some(shared, 'speaker')} of its {len(speakers)}"
    )
