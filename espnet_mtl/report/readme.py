"""Generated parts of a README, between markers."""

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from espnet_mtl.atomic import write_files
from espnet_mtl.errors import UserError
from espnet_mtl.report.document import Block, Image, to_markdown


def replace_between(text: str, name: str, content: str, place: str) -> str:
    """Replace what stands between ``<!-- NAME -->`` and ``<!-- /NAME -->``.

    Raises:
        UserError: If a marker is missing, doubled, or they are in the wrong order; its
            message names ``place``.
    """
    start, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    for marker in (start, end):
        count = text.count(marker)
        if count != 1:
            raise UserError(
                f"{place}: found '{marker}' {count} times; there must be exactly one "
                f"'{start}' and one '{end}' around the results."
            )
    before, _, rest = text.partition(start)
    _, found, after = rest.partition(end)
    if not found:
        raise UserError(f"{place}: '{end}' stands before '{start}'; swap them.")
    return f"{before}{start}\n{content.strip()}\n{end}{after}"


def check_readmes(
    paths: Sequence[Path], names: Iterable[str], needed: str
) -> list[str]:
    """Check what :func:`update_readmes` needs, before there are any results.

    Args:
        paths: The READMEs.
        names: Names in the markers.
        needed: That of them which at least one file has to have.

    Returns:
        The names that have a place in one of the files.

    Raises:
        UserError: As :func:`update_readmes`.
    """
    places = _find_places(_read(paths), names, needed)
    return [name for name, found in places.items() if found]


def update_readmes(
    paths: Sequence[Path], parts: Mapping[str, Sequence[Block]], needed: str
) -> None:
    """Put results into all files that have markers for them; after an error, into none.

    Args:
        paths: The READMEs.
        parts: Content by the name in the markers; its images have whole paths.
        needed: Name of the part that at least one file has to have.

    Raises:
        UserError: If a file is missing, no file has a place for what is needed, or a
            marker lacks its counterpart.
    """
    texts = _read(paths)
    for name, found in _find_places(texts, parts, needed).items():
        for path in found:
            markdown = to_markdown([_linked(block, path) for block in parts[name]])
            texts[path] = replace_between(texts[path], name, markdown, str(path))
    write_files({path: text.encode() for path, text in texts.items()})


def _read(paths: Sequence[Path]) -> dict[Path, str]:
    for path in paths:
        if not path.is_file():
            raise UserError(f"--update_readme {path}: no such file.")
    return {path: path.read_text(encoding="utf-8") for path in paths}


def _find_places(
    texts: Mapping[Path, str], names: Iterable[str], needed: str
) -> dict[str, list[Path]]:
    """Find the files that have markers for each name, and check these."""
    places = {
        name: [
            path
            for path, text in texts.items()
            if f"<!-- {name} -->" in text or f"<!-- /{name} -->" in text
        ]
        for name in names
    }
    if not places[needed]:
        raise UserError(
            f"{', '.join(map(str, texts))}: none of them has a place for the "
            f"results; write '<!-- {needed} -->' and '<!-- /{needed} -->' around it."
        )
    for name, found in places.items():
        for path in found:
            replace_between(texts[path], name, "", str(path))
    return places


def _linked(block: Block, readme: Path) -> Block:
    """Let an image be found from where the README is."""
    if not isinstance(block, Image):
        return block
    path = Path(os.path.relpath(block.path, readme.parent)).as_posix()
    return replace(block, path=path)
