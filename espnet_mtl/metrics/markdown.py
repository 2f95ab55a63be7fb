"""Tables in ESPnet's Markdown, which its README files hold."""

from collections.abc import Sequence


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Format a table.

    Args:
        header: Column titles.
        rows: Cells.

    Returns:
        Lines ``|a|b|``, without a line end behind the last.
    """
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"|{'|'.join(line)}|" for line in lines)


def show_number(value: float | None, digits: int = 2) -> str:
    """Format a number.

    Args:
        value: The number; ``None`` where there is none.
        digits: Digits after the point.

    Returns:
        The number, or ``-``.
    """
    return "-" if value is None else f"{value:.{digits}f}"
