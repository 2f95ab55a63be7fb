"""Names of weights that ESPnet has changed, so that a model fits every release.

What a subsampling layer called ``out.0`` and ``out.1`` up to 202511 is called ``out``
and ``pos_enc`` since. Newer releases of ESPnet also read the old names; older releases
read no others.
"""

import re
from collections.abc import Iterable
from typing import Any

import espnet_mtl.fast_start  # noqa: F401  (before ESPnet)

import torch

from espnet_mtl.espnet_nets import import_nets

# Patterns in the middle of a name, and what the other release has instead.
_TO_OLD = (
    (r"(^|\.)out\.(?=weight$|bias$)", r"\1out.0."),
    (r"(^|\.)pos_enc\.", r"\1out.1."),
)
_TO_NEW = ((r"(^|\.)out\.0\.", r"\1out."), (r"(^|\.)out\.1\.", r"\1pos_enc."))
# Of these classes. Conv2dSubsampling8 has had the new names for longer.
_RENAMED = (
    "Conv1dSubsampling1",
    "Conv1dSubsampling2",
    "Conv1dSubsampling3",
    "Conv2dSubsampling",
    "Conv2dSubsampling1",
    "Conv2dSubsampling2",
    "Conv2dSubsampling6",
)


def write_old_names(model: torch.nn.Module) -> None:
    """Have ``state_dict`` give the names that every release reads.

    Args:
        model: A model of any release; changed in place. Loading is as before.
    """
    subsampling = import_nets("pytorch_backend.transformer.subsampling")
    renamed = tuple(getattr(subsampling, name) for name in _RENAMED)
    for module in model.modules():
        if isinstance(module, renamed) and hasattr(module, "pos_enc"):
            module.register_state_dict_post_hook(_rename_to_old)


def _rename_to_old(
    _module: torch.nn.Module, state: dict[str, Any], prefix: str, _metadata: Any
) -> None:
    for name in [name for name in state if name.startswith(prefix)]:
        own = _replace(name.removeprefix(prefix), _TO_OLD)
        state[prefix + own] = state.pop(name)


def fit_names(state: dict[str, Any], wanted: Iterable[str]) -> dict[str, Any]:
    """Rename weights of another release to what a model calls them.

    Args:
        state: Weights by name.
        wanted: The model's own names.

    Returns:
        The weights; those that the model has under no name keep theirs.
    """
    wanted = set(wanted)
    fitting = {}
    for name, value in state.items():
        others = (_replace(name, _TO_OLD), _replace(name, _TO_NEW))
        found = [other for other in others if other in wanted and other not in state]
        fitting[found[0] if found and name not in wanted else name] = value
    return fitting


def _replace(name: str, patterns: tuple[tuple[str, str], ...]) -> str:
    for pattern, replacement in patterns:
        name = re.sub(pattern, replacement, name)
    return name
