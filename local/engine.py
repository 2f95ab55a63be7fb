"""Have the workflow engine, Snakemake, do the steps of a plan."""

import importlib.util
import itertools
import json
import logging
import os
import re
import shlex
import sys
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from plan import SHARED, TRAINING, Step
from settings import Settings

from espnet_mtl.atomic import write_text
from espnet_mtl.errors import UserError
from espnet_mtl.gpus import require_gpus

_USE_GPUS = (7, 8, 11, 12, 15, 16)
_TAKE_OVER = (12, 15, 16)  # they go on from what they find
# A job pays ESPnet's start-up and memory; more of them do not help small corpora.
_MAX_JOBS = 8


def find_gpus(number: int) -> list[str]:
    """Name the GPUs to use: the first of ``CUDA_VISIBLE_DEVICES``, if that names any.

    Raises:
        UserError: If there are fewer.
    """
    visible = [d for d in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if d]
    if visible and number > len(visible):
        raise UserError(
            f"--ngpu {number}: CUDA_VISIBLE_DEVICES has only {len(visible)} devices."
        )
    return (visible or [str(n) for n in range(number)])[:number]


def check_gpus(settings: Settings, steps: Sequence[Step]) -> None:
    """Check that the GPUs which steps are to use are there, where they are used here.

    Raises:
        UserError: If there are fewer.
    """
    if not on_cluster(settings) and any(step.stage in _USE_GPUS for step in steps):
        option = f"--ngpu {settings.ngpu}"
        require_gpus(option, settings.ngpu, "leave --ngpu out, to use the CPU")


def on_cluster(settings: Settings) -> bool:
    """Whether the recipe's jobs run elsewhere, as its ``cmd.sh`` or the caller says."""
    backend = os.environ.get("cmd_backend")
    path = settings.recipe / "cmd.sh"
    if not backend and path.is_file():
        text = path.read_text(encoding="utf-8")
        said = re.search(
            r"^cmd_backend=(?:\$\{cmd_backend:-)?(\w+)", text, re.MULTILINE
        )
        backend = said and said[1]
    return backend not in (None, "", "local", "stdout")


def is_done(settings: Settings, step: Step) -> bool:
    """Whether a step is done with the same settings, and its results are there."""
    return _is_at(settings, "done", step) and not is_removed(settings, step)


def is_removed(settings: Settings, step: Step) -> bool:
    """Whether what there has to be of a step is not there, although it was done."""
    gone = step.results is not None and not step.results.exists()
    return gone and _is_at(settings, "done", step)


def _is_at(settings: Settings, what: str, step: Step) -> bool:
    """Whether a step is ``done``, or was ``begun``, with the same settings."""
    path = _flag(settings, what, step)
    return path.exists() and path.read_text(encoding="utf-8").strip() == step.key


def forget(settings: Settings, step: Step) -> None:
    """Take a step as not begun, and what is there of it as made with other settings."""
    _flag(settings, "begun", step).unlink(missing_ok=True)
    done = _flag(settings, "done", step)
    if done.exists():
        write_text(done, "")


def set_aside(settings: Settings, steps: Collection[Step]) -> None:
    """Move away what steps would otherwise take over from the last time.

    Data that the same options have made are kept, and so is what is decoded or attacked
    already. A training has a place of its own to go to: :func:`place_for_former`.
    """
    begin_anew = {step.owner for step in steps if step.stage in TRAINING}
    for step in steps:
        if step.stage == 1:
            kept = settings.study_dir / "data"
        elif step.stage in _TAKE_OVER and step.owner not in begin_anew:
            kept = step.results
        else:
            continue
        if kept is not None and kept.exists():
            place = _place_for(settings, kept)
            place.parent.mkdir(exist_ok=True)
            kept.rename(place)


def places_for_others(
    settings: Settings, step: Step, plan: Iterable[Step]
) -> dict[Path, Path]:
    """Say where results of other attacks go whose model or decoding changes.

    Nothing of the plan would repeat them, and the report takes what it finds.

    Args:
        step: What is to be done.
        plan: All steps: what they make themselves is repeated where it has to be.

    Returns:
        The new place of each; none where the step changes nothing for them.
    """
    if step.results is None or not _has_changed(settings, step):
        return {}
    patterns = {
        12: [f"{step.results.name}_attack_*"],
        14: ["attack_*", "*_attack_*"],
    }.get(step.stage, [])
    found = {path for one in patterns for path in step.directory.glob(one)}
    others = sorted(found - {one.results for one in plan})
    return {path: _place_for(settings, path) for path in others if path.is_dir()}


def _has_changed(settings: Settings, step: Step) -> bool:
    """Whether a step was done with other settings."""
    return was_done(settings, step) and not _is_at(settings, "done", step)


def was_done(settings: Settings, step: Step) -> bool:
    """Whether a step was ever done, with whatever settings."""
    return _flag(settings, "done", step).exists()


def _place_for(settings: Settings, path: Path) -> Path:
    """Return a place for former results by their path."""
    return _old_place(settings, ".".join(path.relative_to(settings.study_dir).parts))


def _flag(settings: Settings, what: str, step: Step) -> Path:
    return settings.study_dir / "log" / what / step.name


def place_for_former(settings: Settings, step: Step) -> Path | None:
    """Where a training with other settings is to go, which ESPnet would resume.

    ``None`` where there is none in the way of the step.
    """
    if step.stage not in TRAINING or not step.directory.exists():
        return None
    if _is_at(settings, "begun", step):
        return None
    return _old_place(settings, step.directory.name)


def _old_place(settings: Settings, name: str) -> Path:
    """Return a place for former results that is free."""
    old = settings.study_dir / "old"
    places = (old / f"{name}.{n}" for n in itertools.count(1))
    return next(place for place in places if not place.exists())


def run_steps(settings: Settings, steps: Sequence[Step], plan: Sequence[Step]) -> bool:
    """Run steps, side by side where there are cores, and stop at the first failure.

    Args:
        steps: What must be done; all else that they build on is done.
        plan: All steps.

    Returns:
        Whether all went well; if not, the reason has been shown.
    """
    rows = _describe(settings, steps, plan)
    path = settings.study_dir / "log" / "plan.json"
    write_text(path, json.dumps({"recipe": str(settings.recipe), "steps": rows}))

    _stand_in_for_immutables()
    import display
    from snakemake import cli
    from snakemake_interface_logger_plugins.registry import LoggerPluginRegistry

    display.LogHandler.settings_of_study = settings
    display.LogHandler.steps = {step.name: step for step in steps}
    LoggerPluginRegistry().register_plugin("snakemake_logger_plugin_study", display)
    logging.getLogger("snakemake.logging").propagate = False  # display.py speaks
    elsewhere = on_cluster(settings)
    words = ["--snakefile", Path(__file__).with_name("Snakefile")]
    words += ["--directory", settings.study_dir, "--configfile", path]
    # A step whose jobs run elsewhere only waits: all systems can do so side by side.
    cores = len({step.owner for step in steps}) if elsewhere else settings.nj
    words += ["--cores", cores, "--scheduler", "greedy", "--logger", "study"]
    # The study has a lock of its own, which goes with the processes that hold it:
    # nothing has to be unlocked after a kill.
    words += ["--nolock", "--rerun-incomplete"]
    # Each of the steps, also where it was done with other settings.
    words += ["--forceall"]
    # Nothing from the home directory, which may not be writable, and nothing into it.
    os.environ.pop("SNAKEMAKE_PROFILE", None)
    words += ["--workflow-profile", "none", "--shared-fs-usage", "persistence"]
    words += ["input-output", "sources", "storage-local-copies"]
    try:
        cli.main([str(word) for word in words])
    except SystemExit as end:
        return end.code == 0
    return True


def _describe(
    settings: Settings, steps: Sequence[Step], plan: Sequence[Step]
) -> dict[str, Any]:
    """Describe the steps as the Snakefile reads them."""
    gpus = find_gpus(settings.ngpu)
    owners = [*dict.fromkeys(step.owner for step in steps)]
    systems = [owner for owner in owners if owner != SHARED]
    share = settings.nj // max(1, min(settings.nj, len(systems)))
    elsewhere = on_cluster(settings)
    rows: dict[str, Any] = {}
    previous: dict[str, str] = {}
    for step in steps:
        threads = settings.nj if step.owner == SHARED else share
        jobs = min(threads, _MAX_JOBS)
        if elsewhere:
            threads, jobs = 1, settings.nj
        if step.stage in TRAINING:
            jobs = 1
        environment = [f"OMP_NUM_THREADS={max(threads // jobs, 1)}"]
        if settings.table:
            environment.append(f"TABLE={settings.table}")
        if gpus and step.owner in systems:
            gpu = gpus[systems.index(step.owner) % len(gpus)]
            environment.append(f"CUDA_VISIBLE_DEVICES={gpu}")
        # The steps of an owner follow one another: they share its directory.
        before = {*step.builds_on, previous.get(step.owner)}
        previous[step.owner] = step.name
        rows[step.name] = {
            "key": step.key,
            "directory": str(step.directory),
            "former": str(place_for_former(settings, step) or ""),
            "others": [
                _move_away(path, place)
                for path, place in places_for_others(settings, step, plan).items()
            ],
            "after": [other.name for other in steps if other.name in before],
            "command": shlex.join(_command(step, jobs, min(len(gpus), 1))),
            "environment": shlex.join(environment),
            "threads": threads,
            # What has got furthest goes on first: results early, not all at the end.
            "priority": step.stage * 1000 - owners.index(step.owner),
        }
    return rows


def _move_away(path: Path, place: Path) -> str:
    """Return the command that moves results, if no earlier step has moved them."""
    old, new = shlex.quote(str(path)), shlex.quote(str(place))
    return f"[ ! -e {old} ] || mv {old} {new}"


def _command(step: Step, jobs: int, gpus: int) -> Iterable[str]:
    numbers = {"stage": step.stage, "stop_stage": step.stage}
    numbers |= {"nj": jobs, "inference_nj": jobs, "attack_nj": jobs, "ngpu": gpus}
    yield "./run.sh"
    for name, number in numbers.items():
        yield from (f"--{name}", str(number))
    if gpus:
        yield from ("--gpu_inference", "true")
    yield from step.options


def _stand_in_for_immutables() -> None:
    """Give Snakemake the empty, hashable map that it wants as a default.

    The package immutables, which it takes that from, cannot be installed without a
    compiler from Python 3.14 on.
    """
    if importlib.util.find_spec("immutables") is None:
        module = ModuleType("immutables")
        module.Map = type("Map", (dict,), {"__hash__": object.__hash__})
        sys.modules["immutables"] = module
