"""Non-linguistic symbols, such as ``<noise>``: one a line, as ESPnet reads them."""

from pathlib import Path

from espnet_mtl.data.tables import read_lines
from espnet_mtl.errors import UserError


def read_symbols(path: Path | str | None) -> list[str]:
    """Read ``nlsyms_txt``; ``none`` is a file without symbols.

    Raises:
        UserError: If the file is missing or has an empty line, at which ESPnet's
            tokenizer never ends, or one symbol begins with another: ESPnet then cuts a
            text now in one way, now in the other.
    """
    if path is None or str(path) in ("none", ""):
        return []
    symbols = [line.rstrip() for line in read_lines(path)]
    if "" in symbols:
        raise UserError(f"{path}:{symbols.index('') + 1}: the line is empty; remove it")
    ordered = sorted(set(symbols))
    for first, second in zip(ordered, ordered[1:], strict=False):
        if second.startswith(first):
            raise UserError(
                f"{path}: '{second}' begins with '{first}', and ESPnet cuts such "
                "symbols now in one way, now in the other; rename one"
            )
    return symbols
