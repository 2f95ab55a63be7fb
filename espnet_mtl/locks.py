"""Locks that go with the process that holds them, however it ends."""

import errno
import fcntl
import logging
from pathlib import Path
from typing import IO, BinaryIO

from espnet_mtl.errors import UserError

# Exit status of bin/lock.py when another process has the lock: not that of a traceback.
IN_USE = 75
_UNSUPPORTED = (errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP)


def lock_file(file: IO | int) -> None:
    """Lock an open file (or its descriptor) for this process and those that it starts.

    Where the file system has no locks, as some cluster file systems, one line says so
    and the work goes on without.

    Raises:
        BlockingIOError: If another process has the lock.
    """
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno not in _UNSUPPORTED:
            raise
        logging.warning(
            "This file system has no locks (%s): nothing keeps a second run from the "
            "same directory",
            error.strerror,
        )


def open_locked(path: Path, advice: str) -> BinaryIO:
    """Open a file to append to and to read, for this process alone, until it is closed.

    It is made when absent, and so is its folder.

    Args:
        advice: What to do when another process has it.

    Raises:
        UserError: If another process has it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    file = path.open("ab+")
    try:
        lock_file(file)
    except BlockingIOError:
        file.close()
        raise UserError(f"{path}: another process is writing it: {advice}") from None
    return file
