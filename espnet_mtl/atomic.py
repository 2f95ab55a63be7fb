"""Writing files that appear whole or not at all."""

import contextlib
import os
from collections.abc import Iterable, Mapping
from pathlib import Path


def write_text(path: Path | str, text: str) -> None:
    """Write a file that appears whole or stays as it was, a full disk included.

    Its folder is made.
    """
    write_files({Path(path): text.encode()})


def write_parts(path: Path, parts: Iterable[bytes]) -> None:
    """Write a file part by part, which need not fit into memory together.

    It appears whole or stays as it was; its folder is made.
    """
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with unfinished.open("wb") as file:
            file.writelines(parts)
        unfinished.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            unfinished.unlink()
        raise


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
