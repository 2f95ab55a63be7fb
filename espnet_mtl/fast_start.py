"""Import this before ESPnet: it takes most of ESPnet's start-up time away.

``import espnet2.tasks.asr`` spends most of its seconds on things a recogniser never
uses: typeguard rewriting every ``@typechecked`` function, and packages that only
text-to-speech needs (``g2p_en`` even tries to download data). Here typeguard's
decorator is replaced by one that does nothing, and those packages are imported when
something first uses them. Nothing is removed: a config with ``g2p: g2p_en`` works.

Set ``ESPNET_MTL_TYPEGUARD=1`` to keep ESPnet's run-time type checks.
"""

import importlib.util
import os
import sys
import warnings
from collections.abc import Callable
from typing import Any

_SLOW_AND_RARELY_USED = ("g2p_en", "librosa", "matplotlib", "hydra", "nltk", "sklearn")


def _pass_through(target: Any = None, **_options: Any) -> Any:
    """Stand in for ``typeguard.typechecked``, with and without arguments."""
    if target is None:
        return _pass_through
    return target


def _import_when_used(name: str) -> None:
    """Put a module into ``sys.modules`` that loads itself at the first attribute."""
    if name in sys.modules:
        return
    spec = importlib.util.find_spec(name)
    if spec is None or spec.loader is None:
        return
    loader = importlib.util.LazyLoader(spec.loader)
    spec.loader = loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    loader.exec_module(module)


def _prepare() -> None:
    for name in _SLOW_AND_RARELY_USED:
        _import_when_used(name)
    if os.environ.get("ESPNET_MTL_TYPEGUARD") != "1":
        import typeguard

        typechecked: Callable[..., Any] = _pass_through
        typeguard.typechecked = typechecked
    # ESPnet still spells autocast the old way, once per module that uses it.
    warnings.filterwarnings(
        "ignore", message=r".*torch\.cuda\.amp.*", category=FutureWarning
    )


_prepare()
