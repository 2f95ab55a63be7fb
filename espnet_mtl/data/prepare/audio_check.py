"""Checks which clips are there, whole and readable, and how long they are."""

from pathlib import Path

from espnet_mtl.data.headers import read_headers
from espnet_mtl.data.prepare.clip import Clip


def check_audio(clips: list[Clip], journal: Path, jobs: int = 1) -> None:
    """Open every clip: its header says whether it is one, how long, and if it is whole.

    ``seconds``, ``rate``, ``fate`` and ``why`` of the clips are set. See
    :func:`read_headers` for the journal.

    Raises:
        UserError: If another process does the same.
    """
    looks = read_headers([clip.path for clip in clips], journal, jobs)
    for clip in clips:
        look = looks[clip.path]
        if look.header is None:
            clip.fate, clip.why = look.kind, look.why
        else:
            clip.seconds, clip.rate = round(look.header.seconds, 3), look.header.rate
