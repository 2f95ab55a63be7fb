"""Non-linguistic symbols, such as ``<noise>``: one a line, as ESPnet reads them."""

import codecs
from pathlib import Path

from espnet_mtl.data.tables import read_lines
from espnet_mtl.errors import UserError


def read_symbols(path: Path | str | None) -> list[str]:
    """Read ``nlsyms_txt``; ``none`` is a file without symbols.

    Raises:
        UserError: If the file is missing, or has what ESPnet's tokenizer cannot read: a
            byte-order mark, an empty line (it never ends), or a symbol that begins with
            another (it cuts a text now in one way, now in the other).
    """
    if path is None or str(path) in ("none", ""):
        return []
    symbols = [line.rstrip() for line in read_lines(path)]
    if Path(path).read_bytes().startswith(codecs.BOM_UTF8):
        raise UserError(
            f"{path}:1: ESPnet takes the byte-order mark before the first symbol for a "
            "part of it; save the file as UTF-8 without the mark"
        )
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
