"""Tables of columns: CSV and TSV, by the names in their first line."""

import csv
import difflib
import logging
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

from espnet_mtl.data.errors import DataDirError
from espnet_mtl.data.prepare.faults import Faults
from espnet_mtl.data.prepare.foreign import refuse_foreign
from espnet_mtl.data.prepare.quoting import has_quoted_cells
from espnet_mtl.data.tables import find_unprintable

# Characters of a line in a message.
_SHOWN = 80
# What programs write for bytes that they could not read.
_LOST = "\ufffd"
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_DELIMITERS = ("\t", ",", ";")
_REFUSED_DELIMITERS = {"|": "'|'", " ": "blanks"}
# So many lines may stand above the names of the columns to be found in the message.
_TITLE_LINES = 10
# What other programs and corpora call a column.
_OTHER_NAMES = {
    "path": {"audio", "audio_filepath", "file", "filename", "wav", "wav_filename"},
    "text": {"normalized_text", "sentence", "transcript", "transcription", "utterance"},
    "speaker": {"client_id", "spk", "user", "user_id"},
    "accent": {"dialect", "native_language", "region"},
}
# What rows consist of that a spreadsheet writes for empty ones.
_OF_EMPTY_ROWS = b" \t\r\n,;"
# A long field is not an error; by default, it would be reported as one of quotes.
csv.field_size_limit(2**31 - 1)


class Rows:
    """Reads a table row by row; its columns are found by name.

    Args:
        path: The file: UTF-8, separated by commas, semicolons or tabs.
        needed: Columns that must be there.
        optional: Columns that may be there; others are not looked at.
        release: Whether it is a file of a published release, which users do not edit:
            of two columns of one name, the first counts, and cells beyond the last
            named column do not matter.
        quotes: What quotes mean; see :func:`.add_quotes_option`.

    Raises:
        DataDirError: If the first line does not name the columns, or it is open what
            quotes mean.
    """

    def __init__(
        self,
        path: Path,
        needed: Sequence[str],
        optional: Sequence[str] = (),
        *,
        release: bool = False,
        quotes: str = "auto",
    ) -> None:
        self.path = path
        self.faults = Faults(path)
        if not path.is_file():
            what = "a folder, not a table" if path.is_dir() else "no such file"
            raise DataDirError(f"{path}: {what}; name the CSV or TSV")
        with path.open("rb") as file:
            first = file.readline()
        refuse_foreign(path, first)
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
        self._quotes = (
            has_quoted_cells(path, quotes, release=release)
            if self._delimiter == "\t"
            else quotes != "literal"
        )
        names = self._take_apart(header, 1) or []
        self.faults.raise_any()
        names = [name.strip().casefold() for name in names]
        self._width = len(_without_empty_end(names, 0))
        # Cells of columns without a name at the end; users' may come from a comma that
        # lacks its quotes.
        self._most = len(names) if release else self._width
        self._at = _find_columns(path, names[: self._width], needed, optional, release)

    def __iter__(self) -> Iterator[tuple[int, dict[str, str] | None]]:
        """Read the rows.

        Yields:
            Number of the line, and its values by column, without blanks around them;
            ``None`` where the line is at fault.
        """
        with self.path.open("rb") as file:
            for number, raw in enumerate(file, start=1):
                if number == 1 or not raw.strip(_OF_EMPTY_ROWS):
                    continue
                yield number, self._read_row(raw, number)

    def _read_row(self, raw: bytes, number: int) -> dict[str, str] | None:
        line = self._decode(raw, number)
        fields = None if line is None else self._take_apart(line, number)
        if line is None or fields is None:
            return None
        fields = _without_empty_end(fields, self._width)
        if not self._width <= len(fields) <= self._most:
            self.faults.add(
                f"not the {self._width} fields of the first line",
                "another delimiter, or one, or a line break, inside a field; quote "
                "such a field, and write it on one line",
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
        if _LOST in line:
            self.faults.add(
                f"the character {_LOST!r}, which stands for one that was lost",
                "export the table again, as UTF-8",
                number,
                line[:_SHOWN],
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


def _without_empty_end(fields: list[str], least: int) -> list[str]:
    """Leave out the empty cells that spreadsheets write behind the last column."""
    last = len(fields)
    while last > least and not fields[last - 1].strip():
        last -= 1
    return fields[:last]


def _count_names(line: str, delimiter: str, names: Sequence[str]) -> int:
    found = {name.strip(' "\r\n').casefold() for name in line.split(delimiter)}
    return len(found & set(names))


def _find_delimiter(path: Path, header: str, needed: Sequence[str]) -> str:
    candidates = [*_DELIMITERS, *_REFUSED_DELIMITERS]
    best = max(candidates, key=lambda sign: _count_names(header, sign, needed))
    count = _count_names(header, best, needed)
    if best in _REFUSED_DELIMITERS and count > 1:
        raise DataDirError(
            f"{path}:1: columns are separated by {_REFUSED_DELIMITERS[best]}: "
            f"'{header[:_SHOWN]}'; save the table with commas (CSV) or tabs (TSV) in "
            "between"
        )
    # Without the names, the sign that is there most often.
    return best if count else max(_DELIMITERS, key=header.count)


def _find_names_below(path: Path, needed: Sequence[str]) -> int:
    """Find the line that names the columns, below a title; 0 if there is none."""
    with path.open(encoding="utf-8", errors="replace", newline="\n") as file:
        for number, line in enumerate(islice(file, _TITLE_LINES), start=1):
            if any(_count_names(line, s, needed) == len(needed) for s in _DELIMITERS):
                return number
    return 0


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
        raise DataDirError(_say_missing(path, names, missing, set(at), needed))
    return at


def _say_missing(
    path: Path,
    names: list[str],
    missing: list[str],
    known: set[str],
    needed: Sequence[str],
) -> str:
    said = (
        f"{path}:1: no column {', '.join(repr(m) for m in missing)} among: "
        f"{', '.join(names)[:_SHOWN]}"
    )
    below = _find_names_below(path, needed)
    if below:
        return f"{said}; line {below} names the columns: remove the lines above it"
    if len(missing) == len(needed):
        return f"{said}; write a first line that names the columns: {', '.join(needed)}"
    free = set(names) - known
    hints = []
    for name in missing:
        close = difflib.get_close_matches(name, free, 1)
        other = [*close, *(free & _OTHER_NAMES.get(name, set()))]
        if other:
            hints.append(f"rename '{other[0]}' to '{name}'")
    hints += [f"column {i + 1} has no name" for i, name in enumerate(names) if not name]
    return f"{said}; {', '.join(hints) or 'add it, or rename the one that is it'}"
