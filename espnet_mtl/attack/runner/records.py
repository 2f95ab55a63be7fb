"""Records of finished utterances, kept so that a killed run loses none."""

import json
import os
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from espnet_mtl.locks import open_locked

Record = dict[str, Any]

_WRITTEN = "written"  # when, in a job's own file


class RecordFile:
    """A job's own file of records, one JSON object a line.

    A line that a kill cut off is removed when the file is opened again. While it is
    open, no other process can have it.

    Args:
        path: The file; made when absent.

    Raises:
        UserError: If another process has it.
    """

    def __init__(self, path: Path):
        self._file = open_locked(
            path,
            "the same job is running already. Wait for it, stop it, or choose another "
            "--output_dir",
        )
        self._file.seek(0)
        content = self._file.read()
        self._file.truncate(content.rfind(b"\n") + 1)

    def append(self, records: Iterable[Record]) -> None:
        """Write records, and return when they are on disk.

        Args:
            records: JSON objects.

        Raises:
            OSError: If the disk is full.
        """
        for record in records:
            line = {**record, _WRITTEN: time.time()}
            self._file.write((json.dumps(line) + "\n").encode())
        self._file.flush()
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Close the file and let others have it."""
        self._file.close()


def read_records(logdir: Path) -> dict[tuple[str, str], Record]:
    """Read what all jobs, of any number of earlier runs, have finished.

    Args:
        logdir: The directory of the record files.

    Returns:
        Records by (key of the attacked utterance, cache key); the newest of several,
        which tells of the audio that is there.
    """
    lines = list(read_lines(logdir, "records.*.jsonl"))
    # A line of an earlier version does not say when it was written.
    lines.sort(key=lambda line: line.pop(_WRITTEN, 0.0))
    return {(line["key"], line["cache"]): line for line in lines}


def read_lines(logdir: Path, pattern: str) -> Iterator[Record]:
    """Read the files of all jobs, but for a line that a kill cut off.

    Args:
        logdir: The directory of the files.
        pattern: Which files.

    Yields:
        Each line's object.
    """
    for path in sorted(logdir.glob(pattern)):
        for line in path.read_bytes().split(b"\n")[:-1]:
            yield json.loads(line)
