"""Import this before ESPnet: it removes most of ESPnet's start-up time.

``import espnet2.tasks.asr`` spends most of its time on what a recogniser never uses:
typeguard rewrites every ``@typechecked`` function, torch's compiler is loaded, and
packages are imported that only text-to-speech needs (``g2p_en`` even tries to download
data). Here typeguard's decorator is replaced by one that does nothing, the compiler is
left out, and those packages are imported when they are first used. Nothing is lost: a
configuration with ``g2p: g2p_en`` works.

Set ``ESPNET_MTL_TYPEGUARD=1`` to keep ESPnet's run-time type checks.
"""

import contextlib
import importlib.util
import io
import os
import sys
import types
import warnings
from collections.abc import Sequence
from typing import Any

from espnet_mtl.espnet_nets import import_nets

_SLOW_AND_RARELY_USED = ("g2p_en", "librosa", "matplotlib", "hydra", "nltk", "sklearn")


def _pass_through(target: Any = None, **_options: Any) -> Any:
    """Stand in for a decorator, with and without arguments: leave all as it is."""
    if target is None:
        return _pass_through
    return target


class _ImportedWhenUsed(types.ModuleType):
    """A module that runs its code when an attribute is asked for that it lacks.

    ``importlib.util.LazyLoader`` is of no use here: its module loads as soon as a
    second ``import`` statement names it, which reads ``__spec__``.
    """

    def __getattr__(self, name: str) -> Any:
        self.__class__ = types.ModuleType
        spec = self.__spec__
        if spec.submodule_search_locations is not None:
            self.__path__ = spec.submodule_search_locations
        try:
            spec.loader.exec_module(self)
        except BaseException:
            sys.modules.pop(self.__name__, None)
            raise
        return getattr(self, name)


def _import_when_used(name: str) -> None:
    """Put a module into ``sys.modules`` that is loaded when it is used."""
    if name in sys.modules:
        return
    spec = importlib.util.find_spec(name)
    if spec is None or spec.loader is None:
        return
    module = _ImportedWhenUsed(name)
    module.__spec__ = spec
    module.__loader__ = spec.loader
    module.__package__ = name
    module.__file__ = spec.origin
    # No __path__ yet: importing a submodule asks for it, and so loads the package.
    sys.modules[name] = module


def _edit_distance(first: Sequence, second: Sequence) -> int:
    """Replace ``editdistance.eval``."""
    from espnet_mtl.metrics.wer import UNIT, count_edits

    return count_edits(first, second, UNIT).errors


def _prepare() -> None:
    for name in _SLOW_AND_RARELY_USED:
        _import_when_used(name)
    if os.environ.get("ESPNET_MTL_TYPEGUARD") != "1":
        import typeguard

        typeguard.typechecked = _pass_through
    import torch

    # To mark a function as one not to be compiled, torch loads its whole compiler.
    torch.compiler.disable = _pass_through
    # ESPnet still spells autocast the old way, once per module that uses it.
    warnings.filterwarnings(
        "ignore", message=r".*torch\.cuda\.amp.*", category=FutureWarning
    )
    if importlib.util.find_spec("flash_attn") is None:
        # ESPnet prints that this optional package is missing.
        with (
            contextlib.redirect_stdout(io.StringIO()),
            contextlib.redirect_stderr(io.StringIO()),
        ):
            import_nets("pytorch_backend.transformer.attention")
    if importlib.util.find_spec("editdistance") is None:
        # There is no wheel for Python 3.13 and later. ESPnet counts errors with it when
        # it validates.
        editdistance = types.ModuleType("editdistance")
        editdistance.eval = _edit_distance
        sys.modules["editdistance"] = editdistance


_prepare()
