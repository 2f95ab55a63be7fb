"""Settings under which weights of the same shape mean something else."""

import contextlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import espnet_mtl.fast_start  # noqa: F401  (before ESPnet)

from espnet2.train.class_choices import ClassChoices
from espnet2.utils.get_default_kwargs import get_default_kwargs

from espnet_mtl.data.audio import read_rate
from espnet_mtl.data.errors import DataDirError

# The part of a model whose weights depend on a setting, where it is not its namesake.
_PART_OF = {"frontend": "encoder", "normalize": "encoder"}
_COMPARED = (
    *("frontend", "normalize", "preencoder", "encoder", "postencoder"),
    *("decoder", "lm"),
)
# Arguments that are of no account: they matter in training alone, or name a place.
_NO_MATTER = ("dropout", "stats_file", "stochastic_depth")


def find_other_settings(
    choices: Sequence[ClassChoices],
    own: Mapping[str, Any],
    other: Mapping[str, Any],
    parts: Collection[str],
) -> list[str]:
    """List in which settings two models differ.

    Args:
        choices: The classes that the models can be made of.
        own: The configuration of a new model.
        other: That of the model whose weights it starts from.
        parts: The parts that it takes, such as ``encoder``.

    Returns:
        Differences for people: ``frontend_conf: hop_length: 128 there, 80 here``.
    """
    return [
        difference
        for choice in choices
        if choice.name in _COMPARED and _PART_OF.get(choice.name, choice.name) in parts
        for difference in _compare(choice, own, other)
    ]


def _compare(
    choice: ClassChoices, own: Mapping[str, Any], other: Mapping[str, Any]
) -> Iterator[str]:
    name = choice.name
    here, there = (settings.get(name, choice.default) for settings in (own, other))
    if here != there:
        yield f"{name}: {there} there, {here} here"
        return
    chosen = choice.get_class(here)
    if chosen is None:
        return
    defaults = get_default_kwargs(chosen)
    confs = []
    for settings in (own, other):
        conf = settings.get(f"{name}_conf")
        # That of a stranger's package may be anything.
        confs.append({**defaults, **(conf if isinstance(conf, Mapping) else {})})
    for argument in sorted({*confs[0], *confs[1]}, key=str):
        if any(word in str(argument) for word in _NO_MATTER):
            continue
        here, there = (conf.get(argument) for conf in confs)
        if _same(argument, here) != _same(argument, there):
            yield f"{name}_conf: {argument}: {there} there, {here} here"


def _same(argument: str, value: Any) -> Any:
    """Bring what is written in several ways into one."""
    if argument == "fs":
        with contextlib.suppress(DataDirError):
            return read_rate(value)
    return list(value) if isinstance(value, tuple) else value
