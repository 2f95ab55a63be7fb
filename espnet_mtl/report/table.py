"""One table, shown as Markdown, HTML or plain text."""

import html
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
        marks = [
            ":---" if number < self.text_columns else "---:"
            for number in range(len(self.header))
        ]
        lines = [self.header, marks, *self.rows]
        return "\n".join(
            "| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |"
            for line in lines
        )

    def to_html(self) -> str:
        """Return a ``<table>`` with every cell escaped."""
        head = "".join(self._html_cell("th", *item) for item in enumerate(self.header))
        body = "\n".join(
            "<tr>"
            + "".join(self._html_cell("td", *item) for item in enumerate(row))
            + "</tr>"
            for row in self.rows
        )
        return (
            '<div class="wide"><table>\n'
            f"<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table></div>"
        )

    def _html_cell(self, tag: str, column: int, text: str) -> str:
        kind = "" if column < self.text_columns else ' class="number"'
        return f"<{tag}{kind}>{html.escape(text)}</{tag}>"

    def to_text(self, width: int = 100) -> str:
        """Return aligned columns.

        Args:
            width: Most characters of a line. A wider table is broken into several,
                each with the first column.
        """
        sizes = [
            max(len(line[column]) for line in [self.header, *self.rows])
            for column in range(len(self.header))
        ]
        blocks = [
            "\n".join(self._text_line(line, columns, sizes) for line in self._lines())
            for columns in self._split(sizes, width)
        ]
        return "\n\n".join(blocks)

    def _lines(self) -> list[Sequence[str]]:
        return [self.header, *self.rows]

    def _split(self, sizes: list[int], width: int) -> list[list[int]]:
        blocks = [[0]]
        used = sizes[0]
        for column in range(1, len(sizes)):
            if used + 2 + sizes[column] > width and len(blocks[-1]) > 1:
                blocks.append([0])
                used = sizes[0]
            blocks[-1].append(column)
            used += 2 + sizes[column]
        return blocks

    def _text_line(
        self, line: Sequence[str], columns: list[int], sizes: list[int]
    ) -> str:
        cells = [
            line[column].ljust(sizes[column])
            if column < self.text_columns
            else line[column].rjust(sizes[column])
            for column in columns
        ]
        return "  ".join(cells).rstrip()


def counted(count: int, noun: str) -> str:
    """Say how many there are, such as ``1 speaker`` and ``2 speakers``.

    Args:
        count: How many.
        noun: What, in the singular.
    """
    return f"{count} {noun}{'' if count == 1 else 's'}"


def number(value: float | None, digits: int = 2, *, sign: bool = False) -> str:
    """Format a number for a table.

    Args:
        value: The number; ``None`` or NaN where there is none.
        digits: Digits after the point.
        sign: Whether to write ``+``.

    Returns:
        The text; ``-`` for no number.
    """
    if value is None or value != value:
        return "-"
    text = f"{value:{'+' if sign else ''}.{digits}f}"
    # "-0.00" would look like a decrease.
    return f"{0:.{digits}f}" if float(text) == 0 else text
