"""Errors meant for the user, and how a command reports them."""

import errno
import logging
import sys
from collections.abc import Callable
from pathlib import Path

LOG_FORMAT = "%(asctime)s (%(module)s:%(lineno)d) %(levelname)s: %(message)s"

_ESPNET = ("espnet", "espnet2")
_DISK_IS_FULL = (errno.ENOSPC, errno.EDQUOT)
# What to do about everyday faults of files. Others may be faults of the program.
_FIXES = {
    errno.ENOENT: "Correct the path, or create the file or folder",
    errno.EACCES: "Get permission to use it (ls -l), or name another path",
    errno.EPERM: "Get permission to use it (ls -l), or name another path",
    errno.EROFS: "Name a path on a file system that can be written",
    errno.ENAMETOOLONG: "Use shorter names",
    errno.EEXIST: "Move it away, or name another path",
    errno.ENOTDIR: "Move away the file that is in the place of a folder, or name "
    "another path",
    errno.EISDIR: "Move away the folder that is in the place of a file, or name "
    "another path",
    errno.EIO: "Check the disk; then run the same command again",
    errno.ESTALE: "Check the network file system; then run the same command again",
    errno.ETIMEDOUT: "Check the network file system; then run the same command again",
}


class UserError(ValueError):
    """Something the user can fix: the message names the place and says how."""


def setup_logging(level: str = "INFO", *, all_of_espnet: bool = False) -> None:
    """Log to stderr in ESPnet's format, from this level upwards.

    ESPnet's notes on the model that it builds are left out, its warnings are not;
    ``all_of_espnet`` keeps both.
    """
    logging.basicConfig(level=level, format=LOG_FORMAT, stream=sys.stderr, force=True)
    if not all_of_espnet:
        for handler in logging.getLogger().handlers:
            handler.addFilter(_is_not_only_a_note_of_espnet)


def _is_not_only_a_note_of_espnet(record: logging.LogRecord) -> bool:
    if record.levelno > logging.INFO:
        return True
    files = [getattr(sys.modules.get(name), "__file__", None) for name in _ESPNET]
    folders = [Path(file).parent for file in files if file]
    return not any(map(Path(record.pathname).is_relative_to, folders))


def run_main(main: Callable[[], None]) -> None:
    """Run a command; an error that the user can fix ends it without a traceback.

    That is a :class:`UserError`, a full disk, and a file that cannot be used. The exit
    status is then 1, so that the stage that called it stops.
    """
    try:
        main()
    except UserError as error:
        logging.error("%s", error)
        sys.exit(1)
    except OSError as error:
        message = _explain(error)
        if message is None:
            raise
        logging.error("%s", message)
        sys.exit(1)


def _explain(error: OSError) -> str | None:
    """Say what a fault of a file means; ``None`` where only a traceback would help."""
    if error.errno in _DISK_IS_FULL:
        return (
            f"The disk is full ({error.filename or error.strerror}). Free some space "
            "and run the same command again: finished work is kept."
        )
    if not error.filename or error.errno not in _FIXES:
        return None
    return f"{error.filename}: {error.strerror}. {_FIXES[error.errno]}."
