"""Decoding results kept utterance by utterance, so that a killed run continues."""

import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path

from espnet_mtl.locks import open_locked


class Journal:
    """An append-only file of results, one JSON object a line after a first line.

    The first line names the settings the results were made with; a journal of other
    settings is started anew. A line torn by a kill is dropped. It stays when all is
    done: a job that has finished has nothing to do when the others go on.

    Args:
        path: The file; created when absent.
        settings: Anything that all results depend on, as text.

    Raises:
        UserError: If another process writes it.
    """

    def __init__(self, path: Path, settings: str):
        header = {"settings": hashlib.sha256(settings.encode()).hexdigest()}
        self._file = open_locked(
            path, "the same decoding is running already. Wait for it, or stop it"
        )
        self.results: dict[str, dict] = {}
        self._file.seek(0)
        lines = self._file.read().split(b"\n")
        if lines[0] == json.dumps(header).encode():
            whole = sum(len(line) + 1 for line in lines[:-1])
            self._file.truncate(whole)
            self.results = {result["utt"]: result for result in _objects(lines[1:-1])}
        else:
            self._file.truncate(0)
            self._write(header)

    def append(self, utt: str, result: dict) -> None:
        """Keep an utterance's result.

        Args:
            utt: Utterance id.
            result: Anything JSON can hold.
        """
        self.results[utt] = {"utt": utt, **result}
        self._write(self.results[utt])

    def _write(self, line: dict) -> None:
        self._file.write(json.dumps(line).encode() + b"\n")
        self._file.flush()

    def close(self) -> None:
        """Stop writing, and let others have the file."""
        self._file.close()


def _objects(lines: list[bytes]) -> Iterator[dict]:
    """Read lines; one that a disk damaged is left out, and its utterance done again."""
    for line in lines:
        try:
            yield json.loads(line)
        except ValueError:
            continue


def audio_version(path: str) -> list:
    """Tell one state of an audio file from another without reading it.

    Args:
        path: A value of ``wav.scp``, also what is no path there.

    Returns:
        Something that JSON can hold; it changes when the file is written anew.
    """
    try:
        state = os.stat(path)
    except OSError:
        return [path]
    return [path, state.st_size, state.st_mtime_ns]
