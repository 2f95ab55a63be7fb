"""Have ESPnet use something of ours where it offers no other way."""

import contextlib
from collections.abc import Iterator
from types import ModuleType
from typing import Any


@contextlib.contextmanager
def substitute(module: ModuleType, **ours: Any) -> Iterator[None]:
    """Replace names of a module for the time of a ``with`` block.

    ESPnet's functions look up the classes and functions that they call in their own
    module, and take no argument for them. Everything of the kind goes through here.

    Args:
        module: The module whose functions are about to be called.
        **ours: What they find there, by name. Each name has to exist.
    """
    theirs = {name: getattr(module, name) for name in ours}
    vars(module).update(ours)
    try:
        yield
    finally:
        vars(module).update(theirs)
