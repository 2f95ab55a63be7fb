"""Whether quotes in a TSV are around cells, as spreadsheets write them, or text."""

import argparse
import logging
from pathlib import Path

from espnet_mtl.data.errors import DataDirError
from espnet_mtl.grouped_help import group

QUOTES = ("auto", "csv", "literal")
_SHOWN = 60


def add_quotes_option(parser: argparse.ArgumentParser) -> None:
    """Let the user say what quotes in a table are."""
    add = group(parser, "the table")
    add(
        "--quotes",
        choices=QUOTES,
        default="auto",
        help="in the table: csv: around cells, as spreadsheets write them; literal: "
        "part of the text; auto: in a TSV, what all its quotes agree with; else csv",
    )


def has_quoted_cells(path: Path, quotes: str, *, release: bool) -> bool:
    """Whether cells of a TSV are quoted, as they are in CSV.

    A cell such as ``"so ""called"" words"`` is quoted, ``"So" he said`` is not; and
    ``"So."`` could be both.

    Args:
        path: The table, with tabs between cells.
        quotes: What the user says, one of :data:`QUOTES`.
        release: Where it is open, whether to take quotes for text: those who publish
            corpora mostly write them so.

    Raises:
        DataDirError: If it is open, or cells disagree; the message names the lines.
    """
    if quotes != "auto":
        return quotes == "csv"
    found = _find_examples(path)
    fix = (
        "(in --local_data_opts): --quotes csv removes them, --quotes literal keeps them"
    )
    if "csv" in found and "literal" in found:
        said = (
            f"{path}: {found['csv']} has quotes as spreadsheets write them around "
            f"cells, but {found['literal']} has quotes that are part of the text"
        )
        if not release:
            raise DataDirError(
                f"{said}. Write both in one way, or say what they are {fix}"
            )
        logging.warning("%s. All are taken for text; say if not %s", said, fix)
    elif "either" in found and len(found) == 1 and not release:
        raise DataDirError(
            f"{path}: {found['either']}: are its quotes part of the text, or are they "
            f"a spreadsheet's? Say it {fix}"
        )
    return "csv" in found and "literal" not in found


def unquote(cell: str) -> str:
    """Take the quotes off a cell if they are around it, as in CSV."""
    is_quoted = _judge(cell.encode()) in ("csv", "either") if '"' in cell else False
    return cell[1:-1].replace('""', '"') if is_quoted else cell


def _find_examples(path: Path) -> dict[str, str]:
    """Find the first cell of each kind, as it is shown to the user."""
    found: dict[str, str] = {}
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if b'"' not in line:
                continue
            for cell in line.rstrip(b"\r\n").split(b"\t"):
                if b'"' in cell:
                    kind = "csv" if number == 1 else _judge(cell)
                    shown = cell.decode("utf-8", "replace")[:_SHOWN]
                    found.setdefault(kind, f"line {number} ({shown})")
    return found


def _judge(cell: bytes) -> str:
    inside = cell[1:-1]
    is_wrapped = len(cell) > 1 and cell.startswith(b'"') and cell.endswith(b'"')
    if not is_wrapped or b'"' in inside.replace(b'""', b""):
        return "literal"
    return "csv" if b'""' in inside or not inside else "either"
