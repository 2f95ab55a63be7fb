"""Have the workflow engine, Snakemake, do the steps of a plan."""

import importlib.util
import logging
import os
import shlex
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec
from plan import SHARED, STAGE_NAMES, TRAINING, Step
from settings import Settings

from espnet_mtl.atomic import write_text
from espnet_mtl.errors import UserError

# A job pays ESPnet's start-up and memory; more of them do not help small corpora.
_MAX_JOBS = 8


def find_gpus(number: int) -> list[str]:
    """Name the GPUs to use: the first of ``CUDA_VISIBLE_DEVICES``, if that is set.

    Raises:
        UserError: If there are fewer.
    """
    visible = [d for d in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if d]
    if visible and number > len(visible):
        raise UserError(
            f"--ngpu {number}: CUDA_VISIBLE_DEVICES has only {len(visible)} devices."
        )
    return (visible or [str(n) for n in range(number)])[:number]


def is_done(settings: Settings, step: Step) -> bool:
    """Whether a step was finished with the same settings."""
    return _read(settings, "done", step) == step.key


def was_begun(settings: Settings, step: Step) -> bool:
    """Whether a step was begun with the same settings."""
    return _read(settings, "begun", step) == step.key


def forget(settings: Settings, step: Step) -> None:
    """Take a step as never begun."""
    for kind in ("done", "begun"):
        _path(settings, kind, step).unlink(missing_ok=True)


def _path(settings: Settings, kind: str, step: Step) -> Path:
    return settings.study_dir / "log" / kind / step.name


def _read(settings: Settings, kind: str, step: Step) -> str:
    try:
        return _path(settings, kind, step).read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return ""


def run_steps(settings: Settings, plan: Sequence[Step], wanted: Sequence[Step]) -> bool:
    """Run steps, side by side where there are cores, and stop at the first failure.

    Args:
        settings: The study's settings.
        plan: All steps.
        wanted: Those to do; the ones before them are done.

    Returns:
        Whether all went well; if not, the reason has been shown.
    """
    # What has changed is told by the keys: Snakemake makes what is missing then.
    for step in wanted:
        _path(settings, "done", step).unlink(missing_ok=True)
    todo = _describe(settings, plan, wanted, find_gpus(settings.ngpu))
    path = settings.study_dir / "log" / "plan.json"
    write_text(path, msgspec.json.encode(todo).decode())
    _stand_in_for_immutables()
    import display
    from snakemake import cli
    from snakemake_interface_logger_plugins.registry import LoggerPluginRegistry

    LoggerPluginRegistry().register_plugin("snakemake_logger_plugin_study", display)
    logging.getLogger("snakemake.logging").propagate = False  # display.py speaks
    local = Path(__file__).parent
    words = ["--snakefile", local / "Snakefile", "--directory", settings.study_dir]
    words += ["--configfile", path, "--cores", settings.nj, "--scheduler", "greedy"]
    # The study has a lock of its own, which goes with the processes that hold it:
    # nothing has to be unlocked after a kill.
    words += ["--rerun-triggers", "input", "--rerun-incomplete", "--nolock"]
    words += ["--logger", "study", "--logger-study-plan", path]
    try:
        cli.main([str(word) for word in words])
    except SystemExit as end:
        return end.code == 0
    return True


def _describe(
    settings: Settings,
    plan: Sequence[Step],
    wanted: Sequence[Step],
    gpus: Sequence[str],
) -> dict[str, Any]:
    """The plan as the Snakefile and the display read it."""
    owners = [*dict.fromkeys(s.owner for s in wanted if s.owner != SHARED)]
    share = max(1, settings.nj // max(1, min(settings.nj, len(owners))))
    order = [*dict.fromkeys(step.owner for step in plan)]
    steps = {}
    for before, step in zip([None, *plan], plan, strict=False):
        threads = settings.nj if step.owner == SHARED else share
        jobs = 1 if step.stage in TRAINING else min(threads, _MAX_JOBS)
        environment = [f"OMP_NUM_THREADS={threads // jobs}"]
        if gpus and step.owner in owners:
            gpu = gpus[owners.index(step.owner) % len(gpus)]
            environment.append(f"CUDA_VISIBLE_DEVICES={gpu}")
        follows = before is not None and before.owner == step.owner
        steps[step.name] = {
            "owner": step.owner,
            "stage": step.stage,
            "what": STAGE_NAMES[step.stage],
            "key": step.key,
            "directory": str(step.directory),
            "builds_on": step.builds_on,
            "comes_after": [before.name] if follows else [],
            "command": shlex.join(_command(step, jobs, bool(gpus))),
            "environment": shlex.join(environment),
            "threads": threads,
            "gpu": min(len(gpus), 1),
            # What has got furthest goes on first: results early, not all at the end.
            "priority": step.stage * 1000 - order.index(step.owner),
        }
    names = [step.name for step in wanted]
    return {
        "recipe": str(settings.recipe),
        "cores": settings.nj,
        "wanted": names,
        "steps": steps,
    }


def _command(step: Step, jobs: int, gpu: bool) -> Iterable[str]:
    numbers = {
        **{"stage": step.stage, "stop_stage": step.stage},
        **{"nj": jobs, "inference_nj": jobs, "attack_nj": jobs, "ngpu": int(gpu)},
    }
    command = ["./run.sh"]
    for name, number in numbers.items():
        command += [f"--{name}", str(number)]
    if gpu:
        command += ["--gpu_inference", "true"]
    return [*command, *step.options]


def _stand_in_for_immutables() -> None:
    """Give Snakemake the empty, hashable map that it wants as a default.

    The package immutables, which it takes that from, cannot be installed without a
    compiler from Python 3.14 on.
    """
    if importlib.util.find_spec("immutables") is None:
        module = ModuleType("immutables")
        module.Map = type("Map", (dict,), {"__hash__": object.__hash__})
        sys.modules["immutables"] = module
