"""Writing files that appear whole or not at all."""

import contextlib
import os
from collections.abc import Mapping
from pathlib import Path


def write_text(path: Path | str, text: str) -> None:
    """Write a file that appears whole or stays as it was, a full disk included.

    Its folder is made.
    """
    write_files({Path(path): text.encode()})


def write_files(contents: Mapping[Path, bytes]) -> None:
    """Write files that all appear whole or all stay as they were; folders are made."""
    unfinished = {p: p.with_name(f".{p.name}.{os.getpid()}") for p in contents}
    try:
        for path, content in contents.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            unfinished[path].write_bytes(content)
        for path in contents:
            unfinished[path].replace(path)
    except BaseException:
        for path in unfinished.values():
            with contextlib.suppress(OSError):
                path.unlink()
        raise
