"""Kaldi's text tables: one ``key value`` a line, sorted by bytes."""

import unicodedata
from collections.abc import Iterable, Mapping
from pathlib import Path

from espnet_mtl.atomic import write_text
from espnet_mtl.data.errors import DataDirError

Table = dict[str, str]

# Some editors put it before a text file; it belongs to no key.
_BYTE_ORDER_MARK = "\ufeff"


def read_table(path: Path | str, *, allow_empty_value: bool = False) -> Table:
    """Read a table, strictly; values by key, in the file's order.

    Raises:
        DataDirError: If the file is missing or not UTF-8, or a key is doubled, out of
            order or without value; the message names the line.
    """
    path = Path(path)
    table: Table = {}
    last_key = b""
    for number, line in enumerate(read_lines(path), start=1):
        key, value = split_line(line)
        place = f"{path}:{number}"
        if not key:
            raise DataDirError(f"{place}: the line is empty; remove it")
        if not value and not allow_empty_value:
            raise DataDirError(
                f"{place}: no value after '{key}'; fill it in, or remove the "
                "utterance from every file (utils/fix_data_dir.sh does the latter)"
            )
        if key in table:
            raise DataDirError(f"{place}: '{key}' occurs twice; keep one of the lines")
        if key.encode() < last_key:
            raise DataDirError(
                f"{place}: '{key}' is out of order after '{last_key.decode()}'; sort "
                "by bytes, as 'LC_ALL=C sort' or utils/fix_data_dir.sh does"
            )
        last_key = key.encode()
        table[key] = value
    return table


def read_loose_table(path: Path | str) -> Table:
    """Read a table in which a line may be a key alone; see :func:`read_table`."""
    return read_table(path, allow_empty_value=True)


def write_table(path: Path | str, table: Mapping[str, str]) -> None:
    """Write a table sorted by bytes; the file appears whole or stays as it was.

    Raises:
        DataDirError: If a line could not be read back.
    """
    write_text(path, render_table(path, table))


def render_table(path: Path | str, table: Mapping[str, str]) -> str:
    """Render a table as lines sorted by the bytes of their keys.

    Raises:
        DataDirError: If a line could not be read back; the message names the path.
    """
    for key, value in table.items():
        if key.split() != [key] or key.startswith(_BYTE_ORDER_MARK):
            raise DataDirError(
                f"{path}: {key!r} is not a key; use one word, without blanks"
            )
        if "\n" in value or "\r" in value:
            raise DataDirError(
                f"{path}: '{key}': there is a line break in {value!r}; remove it"
            )
    return "".join(f"{key} {table[key]}".rstrip() + "\n" for key in sort_keys(table))


def sort_keys(keys: Iterable[str]) -> list[str]:
    """Sort keys by bytes, as Kaldi and ``LC_ALL=C sort`` do."""
    return sorted(keys, key=lambda key: key.encode())


def split_line(line: str) -> tuple[str, str]:
    """Take a line apart into key and value, at blanks or tabs as ESPnet does.

    Either is empty where there is none.
    """
    key, value = [*line.split(maxsplit=1), "", ""][:2]
    return key, value.strip()


def find_unprintable(text: str) -> str:
    """Find the first control, private or unassigned character; empty if there is none.

    Such a character says that something else was meant. The invisible joiners of some
    scripts are allowed.
    """
    if text.isprintable():
        return ""
    for character in text:
        if unicodedata.category(character) in ("Cc", "Co", "Cn"):
            return character
    return ""


def read_lines(path: Path | str) -> list[str]:
    """Read the lines of a UTF-8 file, without their ends.

    Raises:
        DataDirError: If the file is missing or not UTF-8; the message names the line.
    """
    path = Path(path)
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise DataDirError(f"{path}: no such file") from error
    content = content.removeprefix(_BYTE_ORDER_MARK.encode())
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
