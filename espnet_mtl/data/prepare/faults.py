"""Mistakes of a table, collected: each kind is reported once, with all its places."""

import logging
from pathlib import Path

from espnet_mtl.atomic import write_text
from espnet_mtl.data.errors import DataDirError

_SHOWN = 5


class Faults:
    """Collects the mistakes of one file."""

    def __init__(self, path: Path | str) -> None:
        self._path = path
        self._places: dict[tuple[str, str], list[tuple[int, str]]] = {}

    def add(self, kind: str, fix: str, line: int, value: str) -> None:
        """Note a mistake; all of a kind have the same words for it and for its fix."""
        self._places.setdefault((kind, fix), []).append((line, value))

    def raise_any(self, full_list: Path | None = None) -> None:
        """Raise all mistakes; those too many for the message are listed in a file.

        Raises:
            DataDirError: With every kind of mistake, its first places and the fix.
        """
        if not self._places:
            return
        message = self._render(_SHOWN)
        if full_list is not None and max(map(len, self._places.values())) > _SHOWN:
            write_text(full_list, self._render(None) + "\n")
            message += f"\nAll places: {full_list}"
        raise DataDirError(message)

    def warn_any(self, what: str) -> None:
        """Warn of all mistakes, of a file that nobody has to correct.

        Args:
            what: What becomes of them.
        """
        if self._places:
            logging.warning("%s\n%s", self._render(_SHOWN), what)

    def _render(self, shown: int | None) -> str:
        lines = []
        for (kind, fix), places in self._places.items():
            count = f" ({len(places)} times)" if len(places) > 1 else ""
            lines.append(f"{self._path}: {kind}{count}; {fix}:")
            lines += [f"    line {n}: {value}" for n, value in places[:shown]]
            if shown is not None and len(places) > shown:
                lines.append(f"    ... and {len(places) - shown} more")
        return "\n".join(lines)
