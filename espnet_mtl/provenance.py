"""What a result was made of: one stamp, kept beside the result.

A stamp maps names to what they stood for when the result was made: settings as they
are, files by the digest of their content. A result is up to date while its stamp is the
one that would be written today; where it is not, the stamp says what has changed.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from espnet_mtl.atomic import write_text
from espnet_mtl.errors import UserError

STAMP_NAME = "stamp.json"

Stamp = dict[str, Any]


def hash_file(path: Path | str) -> str:
    """Return the SHA-256 of a file's content, in hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def hash_value(value: Any) -> str:
    """Return the SHA-256 of a value that JSON can hold, in hexadecimal.

    The order of a mapping's keys does not count.
    """
    text = json.dumps(value, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def write_stamp(directory: Path, stamp: Mapping[str, Any]) -> None:
    """Keep what a directory's results were made of, as JSON can hold it, by name."""
    text = json.dumps(stamp, indent=1, sort_keys=True, ensure_ascii=False)
    write_text(directory / STAMP_NAME, text + "\n")


def read_stamp(directory: Path) -> Stamp | None:
    """Read what a directory's results were made of; ``None`` where there is no stamp.

    Raises:
        UserError: If it is damaged.
    """
    path = directory / STAMP_NAME
    if not path.is_file():
        return None
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except ValueError as error:
        raise UserError(
            f"{path}: damaged ({error}); remove it, and run the stage that made "
            f"{directory} again"
        ) from error


def find_changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Return the sorted names of what differs between two stamps."""
    plain = json.loads(json.dumps(dict(now)))  # tuples as lists, as they were read
    names = sorted({*before, *plain})
    return [name for name in names if before.get(name) != plain.get(name)]
