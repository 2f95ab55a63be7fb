"""What a training has cost: its updates and gradient passes, and those of its start."""

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from espnet_mtl.errors import UserError
from espnet_mtl.metrics.one_step import MANY, MEASURES, ONE, describe_collapse
from espnet_mtl.report.document import Block, Text
from espnet_mtl.report.experiment import Experiment
from espnet_mtl.report.norms import NORM_NAMES, budget_name
from espnet_mtl.report.table import Table, counted, number
from espnet_mtl.report.training_log import read_training_log

# Gradient passes of a batch beside the steps of the attack on it. TRADES has a clean
# pass and an attacked one.
_PASSES = {"none": 1, "noise": 1, "pgd": 1, "trades": 2}
_ATTACKS = ("pgd", "trades")
_CTC_WEIGHT = 0.5  # ESPnet's default
_STEPS = 2  # of an attack, where the configuration does not say

_LEGEND = (
    "Updates: how often the weights were changed. Gradient passes: passes forward and "
    "backward over a batch, one to train on it and one more for each step of an attack "
    "on its audio; those of validation are not counted. With its start: together with "
    "those of the training that it started from."
)


@dataclass(frozen=True)
class Effort:
    """What one training has cost.

    Attributes:
        way: How it was trained, such as ``pgd, 3 steps``.
        start: Name of the model that it started from; "" for none.
        updates: How often the weights were changed.
        passes: Gradient passes; ``None`` for a way to train that is not known here.
        whole: The same and those of its start; ``None`` where they are not known.
        ctc_weight: Weight of the CTC loss: systems of one kind have the same.
        is_adversarial: Whether it was trained on attacked audio.
        seed: That of the training.
        collapse: Where it has overfitted to attacks of one step in its last epoch; ""
            where nothing says so.
    """

    way: str
    start: str
    updates: int
    passes: int | None
    whole: int | None
    ctc_weight: float
    is_adversarial: bool
    seed: int
    collapse: str = ""


Efforts = Mapping[str, Sequence[Effort]]
"""What systems have cost, by their names: for each seed that they were trained with."""


def read_effort(exp: Path, seen: Sequence[Path] = ()) -> Effort | None:
    """Read what the training in a directory has cost, from its settings and logs.

    Args:
        exp: The directory of the training, ``asr_exp``.
        seen: Directories of trainings that started from it.

    Returns:
        ``None`` where the settings or the log are not there.

    Raises:
        UserError: If the settings are damaged.
    """
    path = exp / "config.yaml"
    curves = read_training_log(exp)
    counts = curves.get("train.total_count")
    if not counts or not path.is_file() or exp in seen:
        return None
    settings = _read_settings(path)
    totals = [0, *(round(counts[epoch]) for epoch in sorted(counts))]
    batches = totals[-1]
    # What is left over at the end of an epoch changes nothing.
    each_update = settings.get("accum_grad") or 1
    updates = sum((b - a) // each_update for a, b in itertools.pairwise(totals))
    way, each = _describe(settings)
    passes = None if each is None else batches * each
    starts = [Path(one.split(":")[0]) for one in settings.get("init_param") or ()]
    before = [read_effort(one.parent, [*seen, exp]) for one in starts]
    return Effort(
        way=way,
        start=", ".join(_name(one) for one in starts),
        updates=updates,
        passes=passes,
        whole=_sum([passes, *(one.whole if one else None for one in before)]),
        ctc_weight=(settings.get("model_conf") or {}).get("ctc_weight", _CTC_WEIGHT),
        is_adversarial=settings.get("robust") in _ATTACKS,
        seed=settings.get("seed") or 0,
        collapse=_find_collapse(curves),
    )


def _find_collapse(curves: Mapping[str, Mapping[int, float]]) -> str:
    measured = {
        name: curves[f"valid.{name}"]
        for measure in MEASURES
        for name in (measure + MANY, measure + ONE)
        if curves.get(f"valid.{name}")
    }
    last = {name: curve[max(curve)] for name, curve in measured.items()}
    return describe_collapse(last) or ""


def read_efforts(experiments: Iterable[Experiment]) -> Efforts:
    """Read what the training of each system has cost, where that is known."""
    efforts: dict[str, list[Effort]] = {}
    for one in experiments:
        if effort := read_effort(one.path):
            efforts.setdefault(one.system, []).append(effort)
    return efforts


def effort_blocks(
    efforts: Efforts, pairs: Iterable[tuple[str, str]] = ()
) -> list[Block]:
    """Write what trainings have cost; nothing where that is not known.

    Args:
        efforts: Those of the systems.
        pairs: Names of systems that are compared.
    """
    if not efforts:
        return []
    uneven = []
    for first, second in pairs:
        one, other = _updates(efforts, first), _updates(efforts, second)
        if one and other and one != other:
            uneven.append(f"{first} {_either(one)}, {second} {_either(other)}")
    blocks: list[Block] = [_table(efforts), Text(_LEGEND)]
    blocks += [
        Text(
            f"Warning: {name}: in the last epoch, {one.collapse}: it resists the "
            "attack of one step that it was trained on, and no other of this size. "
            "Train it with --robust_conf steps=2.",
            warning=True,
        )
        for name, one in _named(efforts)
        if one.collapse
    ]
    if uneven:
        said = (
            "Warning: systems that are compared were trained with unequal numbers of "
        )
        said += f"updates: {'; '.join(uneven)}. Part of the difference may be that."
        blocks.append(Text(said, warning=True))
    return blocks


def _updates(efforts: Efforts, system: str) -> set[int]:
    return {one.updates for one in efforts.get(system, ())}


def _either(counts: Iterable[int]) -> str:
    return " or ".join(map(str, sorted(counts)))


def _table(efforts: Efforts) -> Table:
    header = ["system", "training", "started from", "updates", "gradient passes"]
    header += ["with its start"]
    rows = [
        [
            name,
            effort.way,
            effort.start or "-",
            str(effort.updates),
            number(effort.passes, 0),
            number(effort.whole, 0),
        ]
        for name, effort in _named(efforts)
    ]
    return Table(header, rows, text_columns=3)


def _named(efforts: Efforts) -> Iterator[tuple[str, Effort]]:
    """Yield each training, with its seed in its name where there are several."""
    for system, trained in efforts.items():
        for one in trained:
            yield (
                system if len(trained) == 1 else f"{system}, seed {one.seed}",
                one,
            )


def _name(weights: Path) -> str:
    """Name a start: a packed model by its own name, weights by their directory."""
    name = weights.stem if weights.suffix == ".zip" else weights.parent.name
    return name.removeprefix("asr_mtl_")


def _describe(settings: dict[str, Any]) -> tuple[str, int | None]:
    """Say how a model is trained, and how many gradient passes a batch takes."""
    robust = settings.get("robust") or "none"
    if robust not in _PASSES:
        return robust, None
    if robust not in _ATTACKS:
        return "plain" if robust == "none" else robust, _PASSES[robust]
    conf = settings.get("robust_conf") or {}
    steps = conf.get("steps", _STEPS)
    return f"{robust}, {counted(steps, 'step')}{_ball(conf)}", _PASSES[robust] + steps


def _ball(conf: Mapping[str, Any]) -> str:
    """Say in which ball it was attacked, as far as that is known."""
    try:
        radius = float(conf["radius"])
    except (KeyError, TypeError, ValueError):
        return ""
    norm = conf.get("norm", "linf")
    return f", {NORM_NAMES.get(norm, norm)} {budget_name(norm, radius)}"


def _sum(parts: Iterable[int | None]) -> int | None:
    known = [*parts]
    return None if None in known else sum(one or 0 for one in known)


def _read_settings(path: Path) -> dict[str, Any]:
    # In C where that is there: lists of thousands of tokens take seconds otherwise.
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        settings = yaml.load(path.read_text(encoding="utf-8"), Loader=loader)
    except yaml.YAMLError as error:
        raise UserError(f"{path}: no YAML ({error}); train again") from error
    if not isinstance(settings, dict):
        raise UserError(f"{path}: no settings of a training; train again")
    return settings
