"""One table, shown as Markdown or plain text, and the numbers in it."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Table:
    """A table of text cells.

    Attributes:
        header: Column titles.
        rows: Cells, as many in each row as there are titles.
        text_columns: Number of leading columns that hold words; the others hold
            numbers and are aligned to the right.
    """

    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    text_columns: int = 1

    def to_markdown(self) -> str:
        """Return a Markdown table."""
        numbers = len(self.header) - self.text_columns
        marks = [":---"] * self.text_columns + ["---:"] * numbers
        return "\n".join(
            "| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |"
            for line in (self.header, marks, *self.rows)
        )

    def to_text(self, width: int = 100) -> str:
        """Return aligned columns, in lines of up to ``width`` characters.

        A wider table is broken into several, each with the first column.
        """
        columns = [self._aligned(place) for place in range(len(self.header))]
        parts = [[columns[0]]]
        for column in columns[1:]:
            used = sum(len(one[0]) + 2 for one in parts[-1])
            if used + len(column[0]) > width and len(parts[-1]) > 1:
                parts.append([columns[0]])
            parts[-1].append(column)
        return "\n\n".join(
            "\n".join("  ".join(cells).rstrip() for cells in zip(*part, strict=True))
            for part in parts
        )

    def _aligned(self, place: int) -> list[str]:
        """One column, its title first, with all cells of the same width."""
        cells = [line[place] for line in (self.header, *self.rows)]
        align = str.ljust if place < self.text_columns else str.rjust
        return [align(cell, max(map(len, cells))) for cell in cells]


def counted(count: int, noun: str) -> str:
    """Say how many there are, such as ``1 speaker`` and ``2 speakers``."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


def bracketed(
    ends: tuple[float, float] | None, digits: int = 2, *, sign: bool = False
) -> str:
    """Format an interval, such as `` [-0.20, +6.00]``.

    It is empty where there is none, or where it is not known (NaN).
    """
    if ends is None or any(end != end for end in ends):
        return ""
    low, high = (number(end, digits, sign=sign) for end in ends)
    return f" [{low}, {high}]"


def number(value: float | None, digits: int = 2, *, sign: bool = False) -> str:
    """Format a number for a table; ``-`` for ``None`` and NaN."""
    if value is None or value != value:
        return "-"
    text = f"{value:{'+' if sign else ''}.{digits}f}"
    # "-0.00" would look like a decrease.
    return f"{0:.{digits}f}" if float(text) == 0 else text
