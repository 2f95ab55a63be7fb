"""Whether an audio file is whole: what its container promises, and what is there.

libsndfile reads a WAV, MP3 or OGG file that was cut short as if it ended there. Each
kind of container has a mark of its own by which that shows, and none needs decoding:

- WAV, RF64, W64, AIFF, AU, NIST: the header says how much data follows.
- FLAC: the last frame says which samples it holds, the header how many there are.
- OGG (Vorbis, Opus): the last page is whole, and marked as the end of the stream.
- MP3: frames are counted. A Xing or VBRI header says how many there are; without one,
  at least the last frame has to be whole.
"""

import struct
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

# Programs that print WAV as they go write a length like this one, or above.
UNKNOWN_SIZE = 0x7FFFF000
# Some programs count bytes of the header as data. No sound of speech is this short.
_SLACK_SECONDS = 0.05
_MP3_KINDS = ("MP3", "MPEG")  # newer and older versions of libsndfile
_LONGEST_OGG_PAGE = 27 + 255 + 255 * 255
_LONGEST_FLAC_FRAME = 2**17


class Extent(NamedTuple):
    """How much audio a file has.

    Attributes:
        fault: How it falls short of what it promises; empty if it is whole.
        num_samples: Samples of a channel that are there, where libsndfile may not
            know; ``None`` where it does.
    """

    fault: str = ""
    num_samples: int | None = None


def find_extent(file: BinaryIO, rate: int, kind: str) -> Extent:
    """Look at a file, from its start to its end, without decoding it.

    A file of another kind counts as whole.

    Args:
        file: Any that can seek.
        rate: Its sampling rate in Hz, as libsndfile reads it.
        kind: Its container, as libsndfile names it: an MP3 file has no mark of its own.
    """
    size = file.seek(0, 2)
    file.seek(0)
    start = file.read(12)
    try:
        if start[:4] in (b"RIFF", b"RIFX", b"RF64", b"BW64"):
            return _extent_of_wav(file, size, rate)
        if start[:4] == b"FORM":
            return _extent_of_aiff(file, size, rate)
        if start[:4] == b"riff":
            return _extent_of_w64(file, size, rate)
        if start[:4] == b".snd":
            return _extent_of_au(file, size, rate)
        if start[:7] == b"NIST_1A":
            return _extent_of_nist(file, size, rate)
        if start[:4] == b"OggS":
            return Extent(find_ogg_fault(file))
        after_tags = _skip_id3(file)
        file.seek(after_tags)
        if file.read(4) == b"fLaC":
            return _extent_of_flac(file, size, rate)
        if kind not in _MP3_KINDS:
            return Extent()
        file.seek(0)
        return _extent_of_mp3(file.read(), after_tags, rate)
    except (struct.error, IndexError, ValueError, ZeroDivisionError):
        return Extent()  # libsndfile says what is wrong with such a header


def _cut(promised: float, there: float) -> str:
    """Say that a file is cut short, with what it promises and has, in seconds."""
    if there >= promised - _SLACK_SECONDS:
        return ""
    return f"cut short: {promised:.2f} s by its header, but {there:.2f} s are there"


# -- Containers whose header says how much data follows


def has_no_size(start: bytes, size: int) -> bool:
    """Tell whether a WAV file was written without its length, which is 0 in its header.

    libsndfile finds no sample in it. (It knows the other ways to say so.)

    Args:
        start: Its first bytes, up to the data at least.
        size: Its size in bytes.
    """
    place = _find_wav_data(start)
    if place is None or start[place - 4 : place] != bytes(4):
        return False
    following = start[place : place + 8]
    if len(following) == 8 and following[:4].isalnum():  # an empty file with a tag
        return place + 8 + int.from_bytes(following[4:], "little") > size
    return size > place


def add_length(content: bytes, num_samples: int) -> bytes:
    """Complete the header of a WAV or FLAC file that does not say how long it is."""
    place = _find_wav_data(content)
    if place is not None:  # libsndfile takes this for the rest of the file
        size = b"\xff" * 4
        return content[:4] + size + content[8 : place - 4] + size + content[place:]
    place = content.find(b"fLaC") + 21
    number = (content[place] & 0xF0) << 32 | num_samples
    return content[:place] + number.to_bytes(5, "big") + content[place + 5 :]


def _find_wav_data(start: bytes) -> int | None:
    if start[:4] != b"RIFF":
        return None
    place = 12
    while place + 8 <= len(start):
        if start[place : place + 4] == b"data":
            return place + 8
        length = int.from_bytes(start[place + 4 : place + 8], "little")
        place += 8 + length + length % 2
    return None


def _extent_of_wav(file: BinaryIO, size: int, rate: int) -> Extent:
    file.seek(0)
    order = ">" if file.read(4) == b"RIFX" else "<"
    bytes_a_second, long_size = 0, UNKNOWN_SIZE
    for name, length, place in _chunks(file, 12, order):
        if name == b"ds64":
            long_size = struct.unpack("<8xQ", file.read(16))[0]
        elif name == b"fmt ":
            bytes_a_second = struct.unpack(f"{order}8xI", file.read(12))[0]
        elif name == b"data":
            if length == 0xFFFFFFFF:
                length = long_size
            if long_size == UNKNOWN_SIZE <= length:
                return Extent()
            there = size - place
            if length == 0 and there > 0:
                file.seek(0)
                if has_no_size(file.read(place + 8), size):
                    return Extent("", round(there / bytes_a_second * rate))
            return Extent(_cut(length / bytes_a_second, there / bytes_a_second))
    return Extent()


def _extent_of_aiff(file: BinaryIO, size: int, rate: int) -> Extent:
    seconds = 0.0
    for name, length, place in _chunks(file, 12, ">"):
        if name == b"COMM":
            seconds = struct.unpack(">2xI", file.read(6))[0] / rate
        elif name == b"SSND":
            return Extent(_cut(seconds, seconds * min(1, (size - place) / length)))
    return Extent()


def _chunks(file: BinaryIO, start: int, order: str) -> Iterator[tuple[bytes, int, int]]:
    """Yield name, length and place of chunks; the file is then at that place."""
    while True:
        file.seek(start)
        head = file.read(8)
        if len(head) < 8:
            return
        name, length = struct.unpack(f"{order}4sI", head)
        yield name, length, start + 8
        start += 8 + length + length % 2


def _extent_of_w64(file: BinaryIO, size: int, rate: int) -> Extent:
    start, bytes_a_second = 40, 0
    while True:
        file.seek(start)
        name, length = struct.unpack("<4s12xQ", file.read(24))
        if name == b"fmt ":
            bytes_a_second = struct.unpack("<8xI", file.read(12))[0]
        elif name == b"data":
            promised, there = length - 24, size - start - 24
            return Extent(_cut(promised / bytes_a_second, there / bytes_a_second))
        start += max(24, length + -length % 8)


_BYTES_OF_AU = {1: 1, 2: 1, 3: 2, 4: 3, 5: 4, 6: 4, 7: 8, 27: 1}


def _extent_of_au(file: BinaryIO, size: int, rate: int) -> Extent:
    file.seek(4)
    place, length, kind, _, channels = struct.unpack(">5I", file.read(20))
    if length >= UNKNOWN_SIZE or kind not in _BYTES_OF_AU:
        return Extent()
    bytes_a_second = _BYTES_OF_AU[kind] * channels * rate
    return Extent(_cut(length / bytes_a_second, (size - place) / bytes_a_second))


def _extent_of_nist(file: BinaryIO, size: int, rate: int) -> Extent:
    file.seek(8)
    place = int(file.read(8))
    lines = [line.split() for line in file.read(place - 16).decode().split("\n")]
    fields = {line[0]: line[2] for line in lines if len(line) == 3}
    width = int(fields["sample_n_bytes"]) * int(fields.get("channel_count", 1))
    there = (size - place) / width
    return Extent(_cut(int(fields["sample_count"]) / rate, there / rate))


# -- OGG


def find_ogg_fault(file: BinaryIO) -> str:
    """Say how an OGG file falls short; empty for a whole one, or another kind."""
    size = file.seek(0, 2)
    file.seek(0)
    if file.read(4) != b"OggS":
        return ""
    file.seek(max(0, size - _LONGEST_OGG_PAGE))
    tail = file.read()
    start = len(tail)
    while (start := tail.rfind(b"OggS", 0, start)) >= 0:
        page = tail[start:]
        if len(page) < 27 or len(page) < 27 + page[26]:
            continue
        if len(page) == 27 + page[26] + sum(page[27 : 27 + page[26]]):
            if page[5] & 4:
                return ""
            return "cut short: its last page is not marked as the end"
    return "cut short: it ends in the middle of a page"


# -- FLAC


def _skip_id3(file: BinaryIO) -> int:
    """Find what follows a tag of kind ID3v2, where there is one."""
    file.seek(0)
    head = file.read(10)
    if len(head) < 10 or head[:3] != b"ID3":
        return 0
    a, b, c, d = head[6:]
    return 10 + (a << 21 | b << 14 | c << 7 | d) + (10 if head[5] & 16 else 0)


def _extent_of_flac(file: BinaryIO, size: int, rate: int) -> Extent:
    file.read(4)  # the first block is always the one that describes the stream
    info = file.read(34)
    block = int.from_bytes(info[:2], "big")
    total = int.from_bytes(info[13:18], "big") & (2**36 - 1)
    longest = int.from_bytes(info[7:10], "big") or _LONGEST_FLAC_FRAME
    file.seek(-38, 1)
    is_last = False
    while not is_last:
        head = file.read(4)
        is_last = head[0] >= 0x80
        file.seek(int.from_bytes(head[1:], "big"), 1)
    first = file.read(4)
    file.seek(max(file.tell() - 4, size - 2 * longest))
    ends = list(_find_flac_ends(file.read(), first, block))
    if not ends or total in ends:
        return Extent()
    if total == 0:  # written by a program that did not know yet
        return Extent("", ends[0])
    there = max((end for end in ends if end < total), default=total)
    return Extent(_cut(total / rate, there / rate))


def _find_flac_ends(tail: bytes, first: bytes, block: int) -> Iterator[int]:
    """Yield the number of the sample that follows a frame, for the last frames first.

    Other bytes may look like the head of a frame: few do that are as the stream's first
    four, but for the number of samples and how channels are joined.
    """
    start = len(tail)
    while (start := tail.rfind(first[:2], 0, start)) >= 0:
        head = tail[start : start + 16]
        if (
            len(head) < 6
            or head[2] & 15 != first[2] & 15
            or head[3] & 15 != first[3] & 15
        ):
            continue
        end = _read_flac_head(head, block)
        if end is not None:
            yield end


def _read_flac_head(head: bytes, block: int) -> int | None:
    """Read the head of a frame; ``None`` if it is none (its checksum tells)."""
    first = head[4]
    more = 0 if first < 0x80 else 7 - (first ^ 0xFF).bit_length()  # as in UTF-8
    number = first if more == 0 else first & (0x3F >> more)
    for byte in head[5 : 5 + more]:
        number = number << 6 | byte & 0x3F
    place = 5 + more
    code = head[2] >> 4
    length = {1: 192, **{n: 576 << n - 2 for n in range(2, 6)}}.get(code, 0)
    if code >= 8:
        length = 256 << code - 8
    elif code in (6, 7):
        length = int.from_bytes(head[place : place + code - 5], "big") + 1
        place += code - 5
    place += {12: 1, 13: 2, 14: 2}.get(head[2] & 15, 0)
    if not length or place >= len(head) or _crc8(head[:place]) != head[place]:
        return None
    return (number if head[1] & 1 else number * block) + length


def _crc8(data: bytes) -> int:
    value = 0
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = (value << 1 ^ (0x107 if value & 0x80 else 0)) & 0x1FF
    return value


# -- MP3


class _Mpeg(NamedTuple):
    """What the head of a frame says: bytes of the frame, samples, Hz."""

    length: int
    num_samples: int
    rate: int


def _mpeg_table() -> dict[int, _Mpeg]:
    """Read every possible head, by its second and third byte."""
    kbits = {
        (1, 1): [0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448],
        (1, 2): [0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384],
        (1, 3): [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320],
        (2, 1): [0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256],
        (2, 2): [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
    }
    kbits[2, 3] = kbits[2, 2]
    table = {}
    for second in range(0xE0, 0x100):
        version, layer = second >> 3 & 3, 4 - (second >> 1 & 3)
        if version == 1 or layer == 4:
            continue
        half = version != 3  # lower rates: MPEG 2 and 2.5
        for third in range(0x100):
            index, fraction = third >> 4, third >> 2 & 3
            if fraction == 3 or not 0 < index < 15:
                continue
            rate = [44100, 48000, 32000][fraction] >> {3: 0, 2: 1, 0: 2}[version]
            bits = kbits[2 if half else 1, layer][index] * 1000
            padding = third >> 1 & 1
            samples = {1: 384, 2: 1152, 3: 576 if half else 1152}[layer]
            length = samples // 8 * bits // rate + padding
            if layer == 1:
                length = (12 * bits // rate + padding) * 4
            table[second << 8 | third] = _Mpeg(length, samples, rate)
    return table


_MPEG = _mpeg_table()


def _extent_of_mp3(content: bytes, start: int, rate: int) -> Extent:
    start = _find_mp3(content, start)
    if start < 0:
        return Extent()
    first = _mpeg_at(content, start)
    assert first is not None
    promised = _promised_frames(content[start : start + first.length])
    counted, is_whole = _count_frames(content, start)
    if promised is not None:
        counted -= 1  # what promises is a frame without sound
        expected, there = (
            n * first.num_samples / first.rate for n in (promised, counted)
        )
        return Extent(_cut(expected, there), counted * first.num_samples)
    fault = "" if is_whole else "cut short: it ends in the middle of a frame"
    return Extent(fault, counted * first.num_samples)


def _mpeg_at(content: bytes, place: int) -> _Mpeg | None:
    head = content[place : place + 3]
    if len(head) < 3 or head[0] != 0xFF:
        return None
    return _MPEG.get(head[1] << 8 | head[2])


def _find_mp3(content: bytes, place: int) -> int:
    """Find a frame that another one, or the end, follows; -1 if there is none."""
    while (place := content.find(b"\xff", place)) >= 0:
        frame = _mpeg_at(content, place)
        if frame is not None:
            following = place + frame.length
            if following >= len(content) or _mpeg_at(content, following):
                return place
        place += 1
    return -1


def _count_frames(content: bytes, place: int) -> tuple[int, bool]:
    """Count whole frames; tell whether the last one is whole."""
    count, size, table = 0, len(content), _MPEG
    while place < size:
        if content[place] == 0xFF and place + 3 <= size:
            frame = table.get(content[place + 1] << 8 | content[place + 2])
            if frame is not None:
                place += frame[0]
                if place > size:
                    return count, False
                count += 1
                continue
        if size - place < 3:
            return count, content[place] != 0xFF
        if content.startswith((b"TAG", b"APETAGEX", b"LYRICSBEGIN"), place):
            break
        place = _find_mp3(content, place)
        if place < 0:
            break
    return count, True


def _promised_frames(frame: bytes) -> int | None:
    """Read how many frames there are, where the first frame says so."""
    for mark in (b"Xing", b"Info"):
        place = frame.find(mark, 4, 4 + 40)
        if place >= 0 and frame[place + 7] & 1:
            return int.from_bytes(frame[place + 8 : place + 12], "big")
    if frame[36:40] == b"VBRI":
        return int.from_bytes(frame[50:54], "big")
    return None
