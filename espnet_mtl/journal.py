"""Results kept utterance by utterance, so that a killed job continues."""

import hashlib
import json
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
        self._file = open_locked(
            path, "the same job is running already. Wait for it, or stop it"
        )
        self._file.seek(0)
        content = self._file.read()
        header = _header(settings)
        self.results: dict[str, dict] = {}
        if content.startswith(header):
            whole = content.rfind(b"\n") + 1
            if whole < len(content):
                self._file.truncate(whole)
            self.results = _results(content, header)
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
        self._write(json.dumps(self.results[utt]).encode() + b"\n")

    def _write(self, line: bytes) -> None:
        self._file.write(line)
        self._file.flush()

    def close(self) -> None:
        """Stop writing, and let others have the file."""
        self._file.close()


def read_journal(path: Path, settings: str) -> dict[str, dict]:
    """Read what a job has finished, which may be running still.

    Args:
        path: The job's journal.
        settings: Its settings.

    Returns:
        Results by utterance; none where there is no journal, or one of other settings.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return {}
    header = _header(settings)
    return _results(content, header) if content.startswith(header) else {}


def _header(settings: str) -> bytes:
    digest = hashlib.sha256(settings.encode()).hexdigest()
    return json.dumps({"settings": digest}).encode() + b"\n"


def _results(content: bytes, header: bytes) -> dict[str, dict]:
    lines = content[len(header) :].split(b"\n")[:-1]
    return {result["utt"]: result for result in _objects(lines)}


def _objects(lines: list[bytes]) -> Iterator[dict]:
    """Read lines; one that a disk damaged is left out, and its utterance done again."""
    for line in lines:
        try:
            yield json.loads(line)
        except ValueError:
            continue
