"""Generated parts of a README, between markers."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from espnet_mtl.atomic import write_files
from espnet_mtl.errors import UserError


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


def check_readmes(paths: Sequence[Path], names: Iterable[str], needed: str) -> None:
    """Check what :func:`update_readmes` needs, before there are any results.

    Args:
        paths: The READMEs.
        names: Names in the markers.
        needed: That of them which at least one file has to have.

    Raises:
        UserError: As :func:`update_readmes`.
    """
    _replace(paths, dict.fromkeys(names, ""), needed)


def update_readmes(
    paths: Sequence[Path], parts: Mapping[str, str], needed: str
) -> None:
    """Put results into all files that have markers for them; after an error, into none.

    Args:
        paths: The READMEs.
        parts: Content by the name in the markers.
        needed: Name of the part that at least one file has to have.

    Raises:
        UserError: If a file is missing, no file has a place for what is needed, or a
            marker lacks its counterpart.
    """
    texts = _replace(paths, parts, needed)
    write_files({path: text.encode() for path, text in texts.items()})


def _replace(
    paths: Sequence[Path], parts: Mapping[str, str], needed: str
) -> dict[Path, str]:
    """Give the files' texts with the parts in them."""
    for path in paths:
        if not path.is_file():
            raise UserError(f"--update_readme {path}: no such file.")
    texts = {path: path.read_text(encoding="utf-8") for path in paths}
    for name, content in parts.items():
        markers = (f"<!-- {name} -->", f"<!-- /{name} -->")
        places = [path for path in paths if any(m in texts[path] for m in markers)]
        if name == needed and not places:
            raise UserError(
                f"{', '.join(map(str, paths))}: none of them has a place for the "
                f"results; write '<!-- {name} -->' and '<!-- /{name} -->' around it."
            )
        for path in places:
            texts[path] = replace_between(texts[path], name, content, str(path))
    return texts
