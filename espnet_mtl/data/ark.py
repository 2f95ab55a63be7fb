"""Archives: many audio files in one, found by their offsets.

ESPnet puts a mark and the length before each file (an "extended" archive). Kaldi puts
WAV as it is, whose samples ESPnet's loader leaves as integers up to 32768.
"""

import io
import os
from pathlib import Path
from typing import BinaryIO

from espnet_mtl.data.containers import UNKNOWN_SIZE
from espnet_mtl.data.errors import DataDirError

EXTENDED, PLAIN, FLAC = b"AUDIO", b"RIFF", b"fLaC"


def read_mark(path: str, offset: int, place: str) -> bytes:
    """Read how an entry begins, at an offset in bytes: ``EXTENDED``, ``PLAIN``, FLAC.

    Raises:
        DataDirError: If no audio begins there.
    """
    if not Path(path).is_file():
        raise DataDirError(f"{place}: no such archive; correct wav.scp")
    with open(path, "rb") as file:
        file.seek(offset)
        start = file.read(len(EXTENDED) + 1)
    for mark in (EXTENDED, PLAIN, FLAC):
        # No others: some readers would run what an archive says is a pickle.
        if start.startswith(mark) and len(start) > len(EXTENDED):
            return mark
    raise DataDirError(
        f"{place}: there is no audio at this offset (an archive of features, or a "
        "wrong offset?); correct wav.scp"
    )


def open_entry(path: str, offset: int, place: str) -> BinaryIO:
    """Open an audio file in an archive, as a file of its own; see :func:`read_mark`.

    Raises:
        DataDirError: If no audio begins there, or the archive was cut short.
    """
    mark = read_mark(path, offset, place)
    file = open(path, "rb")  # noqa: SIM115  (the entry closes it)
    archive_size = file.seek(0, os.SEEK_END)
    file.seek(offset)
    if mark == EXTENDED:
        file.seek(len(mark), os.SEEK_CUR)
        size = int.from_bytes(file.read(file.read(1)[0]), "little")
        offset = file.tell()
    else:
        size = _size_of_wav(file.read(8)) if mark == PLAIN else -1
    if size < 0:
        size = archive_size - offset
    if offset + size > archive_size:
        file.close()
        raise DataDirError(
            f"{place}: the archive ends in the middle of it; write the archive again"
        )
    # Nothing but reading and seeking is asked of it.
    return _Entry(file, offset, size)  # type: ignore[return-value]


class _Entry(io.RawIOBase):
    """A part of a file, read as if it were one."""

    def __init__(self, file: BinaryIO, start: int, size: int) -> None:
        self._file, self._start, self._size, self._at = file, start, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        origin = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}
        self._at = max(0, origin[whence] + offset)
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer) -> int:  # type: ignore[no-untyped-def]
        self._file.seek(self._start + self._at)
        count = max(0, min(len(buffer), self._size - self._at))
        found = self._file.read(count)
        buffer[: len(found)] = found
        self._at += len(found)
        return len(found)

    def close(self) -> None:
        self._file.close()
        super().close()


def _size_of_wav(start: bytes) -> int:
    size = int.from_bytes(start[4:], "little")
    return 8 + size if 0 < size < UNKNOWN_SIZE else -1


def pack_entry(key: str, content: bytes) -> tuple[bytes, int]:
    """Make an entry of an extended archive, as ESPnet's loader reads it.

    Returns:
        The entry, and the offset in it that belongs into ``wav.scp``.
    """
    size = len(content).to_bytes((len(content).bit_length() + 7) // 8, "little")
    name = key.encode() + b" "
    return name + EXTENDED + bytes([len(size)]) + size + content, len(name)
