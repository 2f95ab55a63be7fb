"""What is wrong with a data directory."""

from espnet_mtl.errors import UserError


class DataDirError(UserError):
    """A fault in a data directory: the message names file, line and fix."""
