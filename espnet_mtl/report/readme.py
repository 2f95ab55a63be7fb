"""Generated parts of a README, between markers."""

from collections.abc import Collection, Mapping
from pathlib import Path

from espnet_mtl.atomic import write_text
from espnet_mtl.errors import UserError


def replace_between(text: str, name: str, content: str, place: str) -> str:
    """Replace what stands between ``<!-- NAME -->`` and ``<!-- /NAME -->``.

    Args:
        text: The whole text.
        name: Name in the markers.
        content: What is to stand there.
        place: The file, for the message.

    Returns:
        The new text.

    Raises:
        UserError: If a marker is missing, doubled, or they are in the wrong order.
    """
    start, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    for marker in (start, end):
        count = text.count(marker)
        if count != 1:
            raise UserError(
                f"{place}: the line '{marker}' is there {count} times; write exactly "
                f"one '{start}' and one '{end}' around the place for the results."
            )
    before, _, rest = text.partition(start)
    if end not in rest:
        raise UserError(f"{place}: '{end}' stands before '{start}'; swap them.")
    after = rest.partition(end)[2]
    return f"{before}{start}\n{content.strip()}\n{end}{after}"


def update_readme(
    path: Path, parts: Mapping[str, str], optional: Collection[str] = ()
) -> None:
    """Replace several parts of a file; all of them or, after an error, none.

    Args:
        path: The file.
        parts: Content by the name in the markers.
        optional: Names of parts that are left out where the file has no marker.

    Raises:
        UserError: If the file or a marker is missing.
    """
    if not path.is_file():
        raise UserError(f"--update_readme {path}: no such file.")
    text = path.read_text(encoding="utf-8")
    for name, content in parts.items():
        if name in optional and f"<!-- {name} -->" not in text:
            continue
        text = replace_between(text, name, content, str(path))
    write_text(path, text)
