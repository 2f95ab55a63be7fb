"""Tables of columns: CSV and TSV, by the names in their first line."""

import csv
import difflib
import logging
from collections.abc import Iterator, Sequence
from pathlib import Path

from espnet_mtl.data.errors import DataDirError
from espnet_mtl.data.prepare.faults import Faults
from espnet_mtl.data.tables import find_unprintable

# Characters of a line in a message.
_SHOWN = 80
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_WIDE_MARKS = (b"\xff\xfe", b"\xfe\xff")
_DELIMITERS = {"\t": "tabs", ",": "commas"}
_REFUSED_DELIMITERS = {";": "';'", "|": "'|'", " ": "blanks"}
# A long field is not an error; by default, it would be reported as one of quotes.
csv.field_size_limit(2**31 - 1)


class Rows:
    """Reads a table row by row; its columns are found by name.

    Args:
        path: The file: UTF-8, separated by commas (with quotes as CSV has them) or by
            tabs (without).
        needed: Columns that must be there.
        optional: Columns that may be there; others are not looked at.
        release: Whether it is a file of a published release, which users do not edit:
            of two columns of one name, the first counts.

    Raises:
        DataDirError: If the first line does not name the columns.
    """

    def __init__(
        self,
        path: Path,
        needed: Sequence[str],
        optional: Sequence[str] = (),
        *,
        release: bool = False,
    ) -> None:
        self.path = path
        self.faults = Faults(path)
        if not path.is_file():
            raise DataDirError(f"{path}: no such file")
        with path.open("rb") as file:
            first = file.readline()
        if first[:2] in _WIDE_MARKS:
            raise DataDirError(f"{path}: UTF-16, not UTF-8; save it as UTF-8")
        if b"\r" in first.removesuffix(b"\r\n"):
            raise DataDirError(
                f"{path}:1: line ends of old Macs (carriage return only); save the "
                "table with Unix or Windows line ends"
            )
        if not first.strip():
            raise DataDirError(
                f"{path}:1: the first line is empty; it has to name the columns "
                f"{', '.join(needed)}"
            )
        marks = []
        if first.startswith(_BYTE_ORDER_MARK):
            marks.append("a byte-order mark")
        if first.endswith(b"\r\n"):
            marks.append("Windows line ends")
        if marks:
            logging.info("%s: %s: ignored", path, " and ".join(marks))
        header = self._decode(first.removeprefix(_BYTE_ORDER_MARK), 1) or ""
        self.faults.raise_any()
        self._delimiter = _find_delimiter(path, header, needed)
        self._quotes = self._delimiter == ","
        names = [name.strip().casefold() for name in self._take_apart(header, 1) or []]
        self.faults.raise_any()
        self._width = len(names)
        self._at = _find_columns(path, names, needed, optional, release)

    def __iter__(self) -> Iterator[tuple[int, dict[str, str] | None]]:
        """Read the rows.

        Yields:
            Number of the line, and its values by column, without blanks around them;
            ``None`` where the line is at fault.
        """
        with self.path.open("rb") as file:
            for number, raw in enumerate(file, start=1):
                if number == 1 or not raw.strip():
                    continue
                yield number, self._read_row(raw, number)

    def _read_row(self, raw: bytes, number: int) -> dict[str, str] | None:
        line = self._decode(raw, number)
        fields = None if line is None else self._take_apart(line, number)
        if line is None or fields is None:
            return None
        if len(fields) != self._width:
            self.faults.add(
                f"not the {self._width} fields of the first line",
                "another delimiter, or one inside a field; quote such a field",
                number,
                f"{len(fields)} fields: {line[:_SHOWN]}",
            )
            return None
        return {name: fields[i].strip() for name, i in self._at.items()}

    def _decode(self, raw: bytes, number: int) -> str | None:
        try:
            line = raw.decode("utf-8").rstrip("\r\n")
        except UnicodeDecodeError:
            self.faults.add(
                "not UTF-8",
                "convert the file, for example by 'iconv -f latin1 -t utf-8'",
                number,
                raw.decode("utf-8", "replace").strip()[:_SHOWN],
            )
            return None
        character = find_unprintable(line.replace("\t", ""))
        if character:
            self.faults.add(
                f"the character {character!r}, which cannot be printed",
                "remove it, or convert the file if that should be another character",
                number,
                repr(line[:_SHOWN]),
            )
            return None
        return line

    def _take_apart(self, line: str, number: int) -> list[str] | None:
        if not self._quotes or '"' not in line:
            return line.split(self._delimiter)
        try:
            return next(csv.reader([line], delimiter=self._delimiter, strict=True))
        except csv.Error:
            self.faults.add(
                "unbalanced quotes",
                'quote the whole field, on one line, with "" for a quote inside it',
                number,
                line[:_SHOWN],
            )
            return None


def _find_delimiter(path: Path, header: str, needed: Sequence[str]) -> str:
    def count(delimiter: str) -> int:
        names = {name.strip(' "').casefold() for name in header.split(delimiter)}
        return len(names & set(needed))

    candidates = {**_DELIMITERS, **_REFUSED_DELIMITERS}
    best = max(candidates, key=count)
    if best in _REFUSED_DELIMITERS and count(best) > 1:
        raise DataDirError(
            f"{path}:1: columns are separated by {candidates[best]}: "
            f"'{header[:_SHOWN]}'; save the table with commas (CSV) or tabs (TSV) in "
            "between"
        )
    return best if best in _DELIMITERS else ","


def _find_columns(
    path: Path,
    names: list[str],
    needed: Sequence[str],
    optional: Sequence[str],
    doubled: bool,
) -> dict[str, int]:
    at = {}
    for name in [*needed, *optional]:
        places = [i for i, found in enumerate(names) if found == name]
        if len(places) > 1 and not doubled:
            numbers = " and ".join(str(i + 1) for i in places)
            raise DataDirError(
                f"{path}:1: '{name}' names the columns {numbers}; rename or remove all "
                "but one"
            )
        if places:
            at[name] = places[0]
    missing = [name for name in needed if name not in at]
    if missing:
        close = {
            name: difflib.get_close_matches(name, set(names) - set(at), 1)
            for name in missing
        }
        hints = [f"rename '{c[0]}' to '{name}'" for name, c in close.items() if c]
        raise DataDirError(
            f"{path}:1: no column {', '.join(repr(m) for m in missing)} among: "
            f"{', '.join(names)[:_SHOWN]}; "
            f"{' and '.join(hints) or 'add it, or rename the one that is it'}"
        )
    return at
