#!/usr/bin/env python3
"""Run a study: shared stages, every system's stages side by side, then the report.

Called by ``run.sh`` at the top with all of its options as ``name=value``; it describes
them.
"""

import json
import logging
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import ending
import engine
import figures
import notices
import own_corpus
import roots
from plan import (
    SHARED,
    Step,
    make_plan,
    with_what_needs_them,
    with_what_they_need,
)
from settings import LAST_STAGE, Settings, System, read_settings

from espnet_mtl.errors import UserError, run_main, setup_logging
from espnet_mtl.locks import lock_file
from espnet_mtl.report.readme import check_readmes

_REPORT_STAGE = LAST_STAGE + 1


def lock_study(study_dir: Path) -> None:
    """Let one run at a time work in a study's directory.

    The open lock becomes standard input, which every command of the study inherits:
    were the study killed the hard way, the directory would stay locked until the last
    of them has ended.

    Raises:
        UserError: If another run has it.
    """
    path = study_dir / "log" / "lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    file = path.open("a+", encoding="utf-8")
    try:
        lock_file(file)
    except BlockingIOError:
        file.seek(0)
        raise UserError(
            f"process {file.read().strip()} is already running a study in {study_dir}; "
            "or it was killed, and commands that it had started still run. Wait until "
            "they have ended, end them, or use another --expdir."
        ) from None
    file.truncate(0)
    file.write(f"{os.getpid()}\n")
    file.flush()
    os.dup2(file.fileno(), 0)


def choose_sources(
    settings: Settings, systems: Mapping[str, System], asked: Collection[str]
) -> set[str]:
    """Choose the systems whose packed models transfer attacks may take.

    These are the ones that were asked for, and those that are packed. But a comparison
    needs the same attacks on all: where one lacks its model, none has any.
    """
    if not settings.attack_has_sources:
        return set()
    packed = {
        step.owner
        for step in make_plan(settings, [*systems.values()], ())
        if step.stage == 14 and engine.is_done(settings, step)
    }
    sources = packed.union(asked)
    attacked = {
        name: system.transfer_from
        for name, system in systems.items()
        if name in sources and system.last_stage == LAST_STAGE and system.transfer_from
    }
    lacking = [name for name, source in attacked.items() if source not in sources]
    if lacking and len(lacking) < len(attacked):
        logging.warning(
            "No system is attacked with noise that was computed on another one, since "
            "--systems leaves out some of these others: %s",
            ", ".join(f"{attacked[name]} (for {name})" for name in lacking),
        )
    return set() if lacking else sources


def choose_steps(
    settings: Settings, plan: Sequence[Step], owners: Collection[str]
) -> list[Step]:
    """Choose the steps that must be done, for the owners that were asked for.

    What they build on is among them, also where it belongs to another system.

    Raises:
        UserError: If an earlier stage than asked for is missing or out of date.
    """
    mine = [step for step in plan if step.owner in owners]
    for step in with_what_they_need(mine, plan):
        if step.stage < settings.stage and not engine.is_done(settings, step):
            raise UserError(
                f"--stage {settings.stage}: {step.title} has not been done with these "
                f"settings, or its results were removed. Start with --stage "
                f"{step.stage}, or leave --stage out: stages that are done are not "
                "repeated."
            )
    asked = [s for s in mine if settings.stage <= s.stage <= settings.stop_stage]
    if settings.redo:
        logging.info("To go on after a failure, leave out --redo true.")
        again = with_what_needs_them(asked, plan)
        for step in again:
            engine.forget(settings, step)
        engine.set_aside(settings, again)
    needed = with_what_they_need(asked, plan)
    # What was made of results that were removed may differ from the new ones.
    removed = [step for step in needed if engine.is_removed(settings, step)]
    for step in with_what_needs_them(removed, plan):
        engine.forget(settings, step)
    return [step for step in needed if not engine.is_done(settings, step)]


def choose_finished(
    settings: Settings, plan: Sequence[Step], systems: Mapping[str, System]
) -> list[System]:
    """Choose the systems to report; say which are left out that once were finished."""
    undone = {step.owner for step in plan if not engine.is_done(settings, step)}
    last = [step for step in plan if step.stage == LAST_STAGE]
    finished = [step.owner for step in last if step.owner not in undone]
    lost = [
        step.owner
        for step in last
        if step.owner in undone and engine.was_done(settings, step)
    ]
    if lost:
        logging.warning(
            "Left out of the report, since these settings, or noise from a system "
            "that has been added, would make other results of it: %s. To have all: "
            "--systems '%s'",
            ", ".join(lost),
            " ".join(name for name in systems if name in {*lost, *finished}),
        )
    return [systems[name] for name in finished]


def make_report(settings: Settings, systems: Sequence[System]) -> None:
    """Write the study's tables, plots and page, and print the main table.

    Raises:
        UserError: If the report failed.
    """
    names = [system.name for system in systems]
    words = [settings.python, "-m", "espnet_mtl.bin.asr_mtl_report"]
    words += ["--output", str(settings.study_dir)]
    words += ["--title", f"{settings.corpus}: {len(names)} systems under attack"]
    words += ["--command", _command_of(settings, names)]
    words += ["--exp", *(str(settings.exp_of(name)) for name in names)]
    if baselines := [system.name for system in systems if system.baseline]:
        words += ["--baselines", ",".join(baselines)]
    if compared := [
        f"{system.name}:{other}"
        for system in systems
        for other in system.compare_with
        if other in names
    ]:
        words += ["--compare", *compared]
    words.append("--print")
    if settings.update_readme:
        words += ["--corpus", settings.name]
        words += ["--update_readme", *map(str, settings.readmes)]
        words += ["--image_dir", str(settings.path("doc/images"))]
    if subprocess.run(words, check=False).returncode != 0:
        raise UserError(
            "the report (stage 18) failed, see above. The same command again repeats "
            f"only the report: {shlex.join(words)}"
        )


def _command_of(settings: Settings, reported: Sequence[str]) -> str:
    """Return the command that makes a report of some systems.

    This one may have added systems to others that were there; and how the README is
    written is not how the results were made.
    """
    words = shlex.split(settings.command)
    for option in ("--update_readme", "--systems"):
        words = [word for word in words if not word.startswith(f"{option}=")]
        if option in words:
            place = words.index(option)
            del words[place : place + 2]
    every = settings.read_systems().values()
    if {*reported} != {one.name for one in every if one.last_stage == LAST_STAGE}:
        words += ["--systems", " ".join(reported)]
    return shlex.join(words)


def do_steps(settings: Settings, steps: Sequence[Step], plan: Sequence[Step]) -> None:
    """Do steps; note the time it took.

    Raises:
        SystemExit: If one failed, which has been said then, or a signal came.
    """
    gone: set[Path] = set()
    for step in steps:
        if former := engine.place_for_former(settings, step):
            gone.add(step.directory)
            logging.info(
                "%s: begins anew, the former training goes to %s", step.title, former
            )
        for path, place in engine.places_for_others(settings, step, plan).items():
            if gone.intersection((path, path.parent)):
                continue
            gone.add(path)
            logging.warning(
                "%s: is of another attack, with a %s that changes: goes to %s. To have "
                "it with the new one, give the command of that attack again",
                path,
                "decoding" if step.stage == 12 else "model",
                place,
            )
    began = time.monotonic()
    try:
        if not engine.run_steps(settings, steps, plan):
            sys.exit(1)
    finally:
        run = {
            "wall": round(time.monotonic() - began, 1),
            "cores": settings.nj,
            "command": settings.command,
        }
        with (settings.study_dir / figures.RUNS).open("a", encoding="utf-8") as file:
            file.write(json.dumps(run) + "\n")


def run_study(settings: Settings) -> None:
    """Do what was asked, from data to report.

    Raises:
        UserError: If something was wrong with the options, or the report failed.
    """
    began = time.monotonic()
    systems = settings.read_systems()
    asked = settings.systems.split() or [*systems]
    if settings.update_readme:  # and not after hours
        place = f"results:{settings.name}"
        check_readmes(settings.readmes, [place], place)
    engine.find_gpus(settings.ngpu)
    lock_study(settings.study_dir)
    logging.info("Study of %s in %s", settings.corpus, settings.study_dir)
    if settings.table:
        logging.info(
            "Its table is %s. Utterances of the test set to attack: %s "
            "(--num_attack_utts)",
            settings.table,
            f"at most {settings.num_attack_utts}"
            if settings.num_attack_utts
            else "all",
        )
    sources = choose_sources(settings, systems, asked)
    plan = make_plan(settings, [*systems.values()], sources)
    steps = choose_steps(settings, plan, {SHARED, *asked})
    roots.check_roots(settings, anew=any(step.stage == 1 for step in steps))
    if steps:
        engine.check_gpus(settings, steps)
        do_steps(settings, steps, plan)
    if settings.stage <= _REPORT_STAGE <= settings.stop_stage:
        finished = choose_finished(settings, plan, systems)
        if finished:
            make_report(settings, finished)
        elif any(systems[name].last_stage == LAST_STAGE for name in asked):
            raise UserError("no system is finished up to stage 17: nothing to report.")
    done = [step for step in plan if engine.is_done(settings, step)]
    lines = figures.describe(settings.study_dir) + notices.summarise(settings, done)
    print("\n".join(lines))
    logging.info("Successfully finished. [elapsed=%ds]", time.monotonic() - began)


def count_cores() -> int:
    """Count the cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def main() -> None:
    """Run the study; Ctrl-C and the like end all of its commands."""
    setup_logging()
    ending.install()
    try:
        root = Path(__file__).resolve().parent.parent
        options = dict(word.split("=", 1) for word in sys.argv[1:])
        options["nj"] = options["nj"] or str(count_cores())
        corpus = own_corpus.choose_recipe(root, options["corpus"], options["table"])
        options["corpus"], options["table"] = corpus
        run_study(read_settings({"root": str(root), **options}))
    finally:
        if ending.received:
            sys.exit(128 + ending.received[0])


if __name__ == "__main__":
    run_main(main)
