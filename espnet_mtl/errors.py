"""Errors meant for the user, and how a command reports them."""

import logging
import sys
from collections.abc import Callable

LOG_FORMAT = "%(asctime)s (%(module)s:%(lineno)d) %(levelname)s: %(message)s"


class UserError(ValueError):
    """Something the user can mend: the message names the place and the fix."""


def setup_logging(level: str = "INFO") -> None:
    """Log to stderr in ESPnet's format.

    Args:
        level: Name of the lowest level shown, such as ``"INFO"``.
    """
    logging.basicConfig(level=level, format=LOG_FORMAT, stream=sys.stderr, force=True)


def run_main(main: Callable[[], None]) -> None:
    """Run a command; a :class:`UserError` or a full disk ends it without a traceback.

    Args:
        main: The command, taking its arguments from ``sys.argv``.

    Raises:
        SystemExit: With status 1 when the command failed for a reason the user can
            mend, so that the stage that called it stops.
    """
    try:
        main()
    except UserError as error:
        logging.error("%s", error)
        sys.exit(1)
    except OSError as error:
        if error.errno not in (28, 122):  # ENOSPC, EDQUOT
            raise
        logging.error(
            "The disk is full (%s). Free some space and run the same command again: "
            "finished work is kept.",
            error.filename or error.strerror,
        )
        sys.exit(1)
