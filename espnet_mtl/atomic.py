"""Writing files that appear whole or not at all."""

import contextlib
import os
import re
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
    unfinished = _unfinished(path)
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
    unfinished = {path: _unfinished(path) for path in contents}
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


def remove_unfinished(folder: Path) -> None:
    """Remove what a kill has left half written in a folder."""
    for path in folder.glob(".*"):
        if re.fullmatch(r"\..+\.\d+", path.name):
            path.unlink()


def _unfinished(path: Path) -> Path:
    return path.with_name(f".{path.name}.{os.getpid()}")
