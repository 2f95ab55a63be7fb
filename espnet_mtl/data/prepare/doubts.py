"""What is allowed in a table of clips, but is often a mistake: warnings."""

import logging
import os
from collections.abc import Sequence
from pathlib import Path

from espnet_mtl.data.prepare.clip import Clip
from espnet_mtl.data.prepare.names import fold
from espnet_mtl.data.prepare.options import Options
from espnet_mtl.data.prepare.sentences import normalise_text

_TRIED = 10


def tell_doubts(clips: Sequence[Clip], root: Path, options: Options) -> None:
    """Warn of all that is doubtful; relative paths are below ``root``."""
    _doubt_root(clips[:_TRIED], root)
    _doubt_accents(clips)
    _doubt_text([clip.text for clip in clips], options)
    if options.punctuation == "remove" and options.hyphens == "keep":
        _tell_hyphens(clips)


def _doubt_root(first: Sequence[Clip], root: Path) -> None:
    if not any(os.path.isabs(clip.name) or os.path.exists(clip.path) for clip in first):
        logging.warning(
            "No file of the first rows is in %s, the folder of relative paths: name "
            "another one by --audio_root (in --local_data_opts)",
            root,
        )


def _doubt_accents(clips: Sequence[Clip]) -> None:
    """An accent is a speaker's. Labels may be private: they stay out of logs."""
    first: dict[str, Clip] = {}
    odd: dict[str, Clip] = {}
    for clip in clips:
        labels = first.setdefault(clip.speaker, clip).labels
        if labels != clip.labels and _fold_all(labels) != _fold_all(clip.labels):
            odd.setdefault(clip.speaker, clip)
    if odd:
        speaker, clip = next(iter(odd.items()))
        logging.warning(
            "%d speakers have not the same accent in all rows: %s in lines %d and %d",
            len(odd),
            clip.raw_speaker,
            first[speaker].line,
            clip.line,
        )


def _fold_all(labels: Sequence[str]) -> set[str]:
    return {fold(label) for label in labels}


def _doubt_text(texts: Sequence[str], options: Options) -> None:
    if options.text_case == "keep" and not (
        all(t == t.upper() for t in texts) or all(t == t.lower() for t in texts)
    ):
        logging.warning(
            "The text has capital and small letters: 'The' and 'the' are two words. "
            "--text_case upper or lower (in --local_data_opts) makes them one"
        )
    if options.punctuation == "keep" and any(
        normalise_text(t, punctuation="remove", hyphens="keep") != t for t in texts
    ):
        logging.warning(
            "The text has punctuation, which will be recognised and counted as part of "
            "words. --punctuation remove (in --local_data_opts) leaves it out"
        )


def _tell_hyphens(clips: Sequence[Clip]) -> None:
    words = [(c.line, w) for c in clips for w in c.text.split() if "-" in w]
    if words:
        line, word = words[0]
        logging.info(
            "%d words have a hyphen, such as '%s' (line %d), which stays; --hyphens "
            "split or join (in --local_data_opts) takes it out",
            len(words),
            word,
            line,
        )
