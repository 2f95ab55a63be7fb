"""Decoding results kept utterance by utterance, so that a killed run continues."""

import hashlib
import json
from pathlib import Path


class Journal:
    """An append-only file of results, one JSON object a line after a first line.

    The first line names the settings the results were made with; a journal of other
    settings is started anew. A line torn by a kill is dropped.

    Args:
        path: The file; created when absent.
        settings: Anything that the results depend on, as text.
    """

    def __init__(self, path: Path, settings: str):
        self.path = path
        self._header = {"settings": hashlib.sha256(settings.encode()).hexdigest()}
        self.results: dict[str, dict] = {}
        path.parent.mkdir(parents=True, exist_ok=True)
        kept = self._read()
        with path.open("w", encoding="utf-8") as file:
            for line in [self._header, *kept]:
                file.write(json.dumps(line) + "\n")
        self._file = path.open("a", encoding="utf-8")

    def _read(self) -> list[dict]:
        if not self.path.is_file():
            return []
        lines = self.path.read_text(encoding="utf-8").split("\n")[:-1]
        objects = [json.loads(line) for line in lines]
        if not objects or objects[0] != self._header:
            return []
        self.results = {result["utt"]: result for result in objects[1:]}
        return list(self.results.values())

    def append(self, utt: str, result: dict) -> None:
        """Keep an utterance's result.

        Args:
            utt: Utterance id.
            result: Anything JSON can hold.
        """
        self.results[utt] = {"utt": utt, **result}
        self._file.write(json.dumps(self.results[utt]) + "\n")
        self._file.flush()

    def close(self, finished: bool) -> None:
        """Stop writing.

        Args:
            finished: Whether all is done and the file can go.
        """
        self._file.close()
        if finished:
            self.path.unlink()
