"""A test set of given speakers."""

import logging
from collections.abc import Sequence
from pathlib import Path

from espnet_mtl.data.prepare.clip import Clip, open_clips
from espnet_mtl.data.prepare.names import make_id
from espnet_mtl.data.prepare.options import Options
from espnet_mtl.data.prepare.speaker_split import split_by_speaker
from espnet_mtl.data.tables import read_lines
from espnet_mtl.errors import UserError


def split_by_list(clips: Sequence[Clip], speakers: Path, options: Options) -> None:
    """Put the listed speakers to the test, and share the others out.

    Raises:
        UserError: If there is no list, or none of its speakers is in the corpus.
    """
    listed = read_speakers(speakers)
    used = open_clips(list(clips))
    found = listed & {clip.speaker for clip in used}
    if not found:
        raise UserError(
            f"--test_speakers {speakers}: none of its {len(listed)} speakers "
            "is in the corpus; a line is accent and speaker, such as US-G00007"
        )
    if found != listed:
        logging.warning(
            "%d of %d speakers of %s are not in the corpus, the first is %s",
            len(listed - found),
            len(listed),
            speakers,
            min(listed - found),
        )
    rest = [clip for clip in used if clip.speaker not in found]
    assigned = split_by_speaker(
        rest, options.valid_share, 0.0, options.seed, lambda clip: clip.labels[0]
    )
    for clip in used:
        clip.split = assigned.get(clip.speaker, "test")


def read_speakers(path: Path) -> set[str]:
    """Read a list of one speaker a line, or all lists of a folder.

    Raises:
        UserError: If there is no such file.
    """
    files = [path] if path.is_file() else sorted(path.glob("*"))
    if not files:
        raise UserError(f"--test_speakers {path}: no such file, or an empty folder")
    lines = [line.strip() for file in files for line in read_lines(file)]
    return {make_id(line) for line in lines if line}
