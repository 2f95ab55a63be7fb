"""Result files: JSON of the types in this package, written whole and read strictly."""

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from espnet_mtl.atomic import write_files, write_parts
from espnet_mtl.errors import UserError

VERSION = 7
"""Version of all result files; it changes when a reader would misunderstand them."""

ATTACK_VERSION = 3
"""Version of the attacks; it changes when one would find something else.

What an earlier one has found does not count then, and a study attacks again. Results of
two versions are not compared.
"""

T = TypeVar("T")


class _Versioned(msgspec.Struct):
    version: int
    content: msgspec.Raw


def encode_result(content: Any) -> bytes:
    """Give dataclasses, or lists of them, as a result file holds them.

    That is ``{"version": ..., "content": ...}``; what is no finite number becomes
    ``null``.
    """
    raw = msgspec.Raw(msgspec.json.encode(content))
    text = msgspec.json.encode(_Versioned(VERSION, raw))
    return msgspec.json.format(text, indent=1) + b"\n"


def write_result(path: Path, content: Any) -> None:
    """Write what :func:`encode_result` makes; the file appears whole or not at all."""
    write_files({path: encode_result(content)})


def read_result(path: Path, of: type[T], stage: int) -> T:
    """Read a result of a type; messages name the stage that writes it.

    Raises:
        UserError: If the file is missing, damaged, or of another version.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise UserError(f"{path}: no such file; run stage {stage}") from error
    versioned = _decode(path, content, _Versioned, stage)
    if versioned.version != VERSION:
        raise UserError(
            f"{path}: written by another version of espnet_mtl (format "
            f"{versioned.version}, this one reads {VERSION}); repeat stage {stage}"
        )
    return _decode(path, versioned.content, of, stage)


def write_lines(path: Path, rows: Iterable[Any]) -> None:
    """Write dataclasses, one JSON object a line; the file appears whole or not at all.

    There may be a million of them: a line is made when it is written.
    """
    encode = msgspec.json.Encoder().encode
    write_parts(path, (encode(row) + b"\n" for row in rows))


def read_lines(path: Path, of: type[T], stage: int) -> Iterator[T]:
    """Read a file of one JSON object a line; messages name the stage that writes it.

    Raises:
        UserError: If the file is missing, or a line is damaged; the message names it.
    """
    decode = msgspec.json.Decoder(of).decode
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                try:
                    yield decode(line)
                except msgspec.DecodeError as error:
                    raise UserError(
                        f"{path}:{number}: damaged ({error}); repeat stage {stage}"
                    ) from error
    except FileNotFoundError as error:
        raise UserError(f"{path}: no such file; run stage {stage}") from error


def share_texts(row: Any, names: Iterable[str]) -> None:
    """Let a dataclass have the one copy that is kept of each of its texts.

    The same sentences, keys and names are in many rows, and without this in memory as
    often.

    Args:
        row: It may be frozen: what it is equal to stays the same.
        names: Of its fields; ``None`` in them stays.
    """
    for name in names:
        text = getattr(row, name)
        if text is not None:
            object.__setattr__(row, name, sys.intern(text))


def _decode(path: Path, content: Any, of: type[T], stage: int) -> T:
    try:
        return msgspec.json.decode(content, type=of)
    except msgspec.DecodeError as error:
        raise UserError(f"{path}: damaged ({error}); repeat stage {stage}") from error
