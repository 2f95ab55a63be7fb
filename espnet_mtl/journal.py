"""An append-only file of finished work, so that a killed job loses none.

Each line has the key of what was finished, a digest of what it was made of, and the
result. Whoever continues asks for a key *and* a digest, so that work done with other
settings, or on other data, never counts. Lines are never changed, and go only where a
job says that what they tell of is about to change (:meth:`Journal.start_over`). A job
that is killed leaves at most half a line at the end, which is cut off when the file is
opened again.
"""

import time
from collections.abc import Container, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Self, TypeVar

import msgspec

from espnet_mtl.locks import open_locked

T = TypeVar("T")


class _Line(msgspec.Struct, frozen=True):
    key: str
    made_of: str
    time: float
    result: msgspec.Raw


class Journal:
    """A job's own journal; the file is made when absent, its folder too.

    Raises:
        UserError: If another process has it open.
    """

    def __init__(self, path: Path):
        self._file = open_locked(
            path, "the same job is running already. Wait for it, or stop it"
        )
        self._file.seek(0)
        content = self._file.read()
        self._file.truncate(content.rfind(b"\n") + 1)

    def append(self, made_of: str, results: Mapping[str, Any]) -> None:
        """Keep results by key, and the digest of what they were made of.

        When this returns, a kill cannot take them away.
        """
        lines = [
            msgspec.json.encode(
                _Line(key, made_of, time.time(), msgspec.Raw(msgspec.json.encode(one)))
            )
            for key, one in results.items()
        ]
        self._file.write(b"".join(line + b"\n" for line in lines))
        self._file.flush()

    def start_over(self, lines: Iterable[tuple[str, str, Any]]) -> None:
        """Forget all but some lines: made of, key and result.

        A kill in between forgets more than that, and never less.
        """
        self._file.seek(0)
        self._file.truncate()
        for made_of, key, result in lines:
            self.append(made_of, {key: result})

    def close(self) -> None:
        """Close the file, and let others have it."""
        self._file.close()

    def __enter__(self) -> Self:
        """Use it as a context manager, which closes it at the end."""
        return self

    def __exit__(self, *_error: object) -> None:
        """Close it."""
        self.close()


def read_journals(
    paths: Iterable[Path], of: type[T], keys: Container[str] | None = None
) -> dict[tuple[str, str], T]:
    """Read what jobs have finished; they may be running still.

    Args:
        paths: Journals; one that is not there is empty.
        of: Type of the results.
        keys: Only results of these keys; ``None`` for all. Where there are many jobs,
            one that reads what it needs itself is much smaller and faster.

    Returns:
        Results by key and digest of what they were made of. Of several with the same
        two, the newest: it describes the files that are there. A line that is damaged,
        or has a result of another type, is left out, and its work done again.
    """
    decoder = msgspec.json.Decoder(_Line)
    result_decoder = msgspec.json.Decoder(of)
    found: dict[tuple[str, str], T] = {}
    times: dict[tuple[str, str], float] = {}
    made_of: dict[str, str] = {}  # one copy of each, which many results have
    for path in paths:
        for content in _read_whole_lines(path):
            try:
                line = decoder.decode(content)
                if keys is not None and line.key not in keys:
                    continue
                result = result_decoder.decode(line.result)
            except msgspec.DecodeError:
                continue
            key = line.key, made_of.setdefault(line.made_of, line.made_of)
            if line.time >= times.get(key, line.time):
                found[key], times[key] = result, line.time
    return found


def _read_whole_lines(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            for line in file:
                if line.endswith(b"\n"):  # else its job is writing it, or was killed
                    yield line
    except FileNotFoundError:
        return
