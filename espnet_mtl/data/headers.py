"""Headers of many audio files, each read once and remembered."""

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import repeat
from pathlib import Path
from typing import NamedTuple

from espnet_mtl.data.audio_file import Header
from espnet_mtl.data.errors import DataDirError
from espnet_mtl.data.progress import LoopProgress
from espnet_mtl.data.sources import read_source_header, source_version
from espnet_mtl.journal import Journal, read_journals

_BATCH = 2000


class Look(NamedTuple):
    """What was found of a source.

    Attributes:
        header: What its header says; ``None`` where there is a fault.
        kind: ``missing``, ``empty`` or ``undecodable``; empty where it is sound.
        why: The fault in words.
    """

    header: Header | None
    kind: str = ""
    why: str = ""


def read_headers(
    values: Sequence[str], journal: Path, jobs: int = 1, others: Iterable[Path] = ()
) -> dict[str, Look]:
    """Read the headers of what ``wav.scp`` names: files and places in archives.

    What has been read is kept in the journal: a second run, or one after a kill, opens
    what is new or was written since.

    Args:
        values: Values of ``wav.scp``, no commands.
        journal: File to keep them in.
        jobs: Threads.
        others: Further journals to look into.

    Raises:
        UserError: If another process writes the journal.
    """
    known = read_journals([journal, *others], Header)
    progress = LoopProgress(len(values), "headers", unit="recordings")
    looks: dict[str, Look] = {}
    with ThreadPoolExecutor(jobs) as pool, Journal(journal) as notes:
        for start in range(0, len(values), _BATCH):
            batch = values[start : start + _BATCH]
            for value, (look, version) in zip(
                batch, pool.map(_look, batch, repeat(known)), strict=True
            ):
                looks[value] = look
                if version and look.header:
                    notes.append(version, {value: look.header})
            progress.add(number=len(batch))
    if values:
        progress.report()
    return looks


def look_at(value: str) -> Look:
    """Read the header of a file, or a place in an archive."""
    try:
        header = read_source_header(value, "")
    except DataDirError as error:
        return Look(None, "undecodable", str(error).removeprefix(": "))
    if header.num_samples <= 0:
        return Look(None, "empty", "no sample in it")
    return Look(header)


def _look(value: str, known: Mapping[tuple[str, str], Header]) -> tuple[Look, str]:
    """Look at a source; give its version too, if what was found is news."""
    _, *state = source_version(value)
    if not state:
        return Look(None, "missing", "no such file"), ""
    version = " ".join(map(str, state))
    header = known.get((value, version))
    if header is not None:
        return Look(header), ""
    if state[0] == 0:
        return Look(None, "empty", "0 bytes"), ""
    return look_at(value), version
