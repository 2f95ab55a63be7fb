"""Kaldi's text tables: one ``key value`` a line, sorted by bytes."""

import contextlib
import os
from collections.abc import Mapping
from pathlib import Path

from espnet_mtl.data.errors import DataDirError


def read_table(path: Path | str, *, allow_empty_value: bool = False) -> dict[str, str]:
    """Read a table, strictly.

    Args:
        path: The file.
        allow_empty_value: Whether a line may be a key alone.

    Returns:
        Value by key, in the file's order.

    Raises:
        DataDirError: If the file is missing or not UTF-8, or a key is doubled, out of
            order or without value; the message names the line.
    """
    path = Path(path)
    table: dict[str, str] = {}
    last_key = b""
    for number, line in enumerate(_read_lines(path), start=1):
        key, _, value = line.strip().partition(" ")
        place = f"{path}:{number}"
        if not key:
            raise DataDirError(f"{place}: the line is empty; remove it")
        value = value.strip()
        if not value and not allow_empty_value:
            raise DataDirError(
                f"{place}: nothing stands after '{key}'; fill it in, or remove the "
                "utterance from every file (utils/fix_data_dir.sh does the latter)"
            )
        if key in table:
            raise DataDirError(
                f"{place}: '{key}' is there twice; keep one of the lines"
            )
        if key.encode() < last_key:
            raise DataDirError(
                f"{place}: '{key}' is out of order after '{last_key.decode()}'; sort "
                "by bytes, as 'LC_ALL=C sort' or utils/fix_data_dir.sh does"
            )
        last_key = key.encode()
        table[key] = value
    return table


def write_table(path: Path | str, table: Mapping[str, str]) -> None:
    """Write a table sorted by bytes; the file appears whole or stays as it was.

    Args:
        path: The file.
        table: Value by key.
    """
    lines = [f"{key} {table[key]}".rstrip() + "\n" for key in sort_keys(table)]
    write_text(path, "".join(lines))


def write_text(path: Path | str, text: str) -> None:
    """Write a file that appears whole or stays as it was, a full disk included.

    Args:
        path: The file; its folder is made.
        text: The content.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        unfinished.write_text(text, encoding="utf-8")
        unfinished.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            unfinished.unlink()
        raise


def sort_keys(keys) -> list[str]:
    """Sort keys by bytes, as Kaldi and ``LC_ALL=C sort`` do.

    Args:
        keys: The keys.

    Returns:
        The keys in order.
    """
    return sorted(keys, key=lambda key: key.encode())


def _read_lines(path: Path) -> list[str]:
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise DataDirError(f"{path}: no such file") from error
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        number = content.count(b"\n", 0, error.start) + 1
        raise DataDirError(
            f"{path}:{number}: not UTF-8; convert the file, for example by "
            f"'iconv -f latin1 -t utf-8'"
        ) from error
    lines = text.split("\n")
    return lines[:-1] if lines[-1] == "" else lines
