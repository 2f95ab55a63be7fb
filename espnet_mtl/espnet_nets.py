"""Where ESPnet keeps its networks: it has moved them between releases."""

import importlib
import importlib.util
from types import ModuleType


def import_nets(name: str) -> ModuleType:
    """Import a module of ESPnet's networks, whatever the release calls their package.

    It is ``espnet2.legacy.nets`` in newer releases, ``espnet.nets`` up to 202511.

    Args:
        name: What comes after that, such as ``pytorch_backend.transformer.attention``.
    """
    new = importlib.util.find_spec("espnet2.legacy") is not None
    package = "espnet2.legacy.nets" if new else "espnet.nets"
    return importlib.import_module(f"{package}.{name}")
