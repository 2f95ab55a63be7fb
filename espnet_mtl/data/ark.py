"""Archives: many audio files in one, found by their offsets.

ESPnet puts a mark and the length before each file (an "extended" archive). Kaldi puts
WAV as it is, whose samples ESPnet's loader leaves as integers up to 32768.
"""

import os
from pathlib import Path

from espnet_mtl.data.errors import DataDirError

EXTENDED, PLAIN, _FLAC = b"AUDIO", b"RIFF", b"fLaC"
# Programs that print WAV as they go write a length like this one, or above.
_UNKNOWN_SIZE = 0x7FFFF000


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
    for mark in (EXTENDED, PLAIN, _FLAC):
        # No others: kaldiio would run what an archive says is a pickle.
        if start.startswith(mark) and len(start) > len(EXTENDED):
            return mark
    raise DataDirError(
        f"{place}: there is no audio at this offset (an archive of features, or a "
        "wrong offset?); correct wav.scp"
    )


def read_entry(path: str, offset: int, place: str) -> bytes:
    """Return the content of an audio file in an archive; see :func:`read_mark`.

    Raises:
        DataDirError: If no audio begins there, or the archive was cut short.
    """
    mark = read_mark(path, offset, place)
    with open(path, "rb") as file:
        file.seek(offset)
        if mark == EXTENDED:
            file.seek(len(mark), os.SEEK_CUR)
            size = int.from_bytes(file.read(file.read(1)[0]), "little")
        else:
            size = _size_of_wav(file.read(8)) if mark == PLAIN else -1
            file.seek(offset)
        content = file.read(size)
    if len(content) < size:
        raise DataDirError(
            f"{place}: the archive ends in the middle of it; write the archive again"
        )
    return content


def _size_of_wav(start: bytes) -> int:
    size = int.from_bytes(start[4:], "little")
    return 8 + size if 0 < size < _UNKNOWN_SIZE else -1


def pack_entry(key: str, content: bytes) -> tuple[bytes, int]:
    """Make an entry of an extended archive, as ESPnet's loader reads it.

    Returns:
        The entry, and the offset in it that belongs into ``wav.scp``.
    """
    size = len(content).to_bytes((len(content).bit_length() + 7) // 8, "little")
    name = key.encode() + b" "
    return name + EXTENDED + bytes([len(size)]) + size + content, len(name)
