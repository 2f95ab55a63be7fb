#!/usr/bin/env python3
"""Run a study: shared stages, every system's stages side by side, then the report.

Called by ``run.sh`` at the top, which describes the options and passes all of them.
"""

import argparse
import logging
import os
import shlex
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

import figures
from progress import Display
from study_plan import (
    REPORT_STAGE,
    SYSTEM_STAGES,
    Settings,
    Step,
    load_preset,
    load_systems,
    plan_shared,
    plan_system,
)
from study_pool import Machine, Pool
from study_records import Ledger, StudyLock

from espnet_mtl.errors import UserError, run_main, setup_logging

BASELINES = ("ctc", "att")


def get_parser() -> argparse.ArgumentParser:
    """Return the parser; ``run.sh`` gives every option."""
    parser = argparse.ArgumentParser(description=__doc__)
    texts = ("corpus", "preset", "systems", "python", "expdir", "command")
    for name in (*texts, "attack_config"):
        parser.add_argument(f"--{name}", required=True)
    for name in ("stage", "stop_stage", "ngpu", "seed", "nj"):
        parser.add_argument(f"--{name}", required=True)
    for name in ("redo", "update_readme"):
        parser.add_argument(f"--{name}", choices=("true", "false"), required=True)
    for name in (
        "train_args",
        "attack_args",
        "inference_args",
        "num_attack_utts",
        "local_data_opts",
        "recipe_args",
    ):
        parser.add_argument(f"--{name}", required=True)
    return parser


def read_numbers(args: argparse.Namespace) -> None:
    """Turn what must be a number into one, in place.

    Raises:
        UserError: If it is none.
    """
    numbers = {
        "stage": "a stage number",
        "stop_stage": "a stage number",
        "ngpu": "a number of GPUs",
        "seed": "a number",
        "nj": "a number of cores, at least 1",
    }
    for name, what in numbers.items():
        text = getattr(args, name)
        if name == "nj" and not text:
            text = str(_available_cores())
        if not text.isdigit() or (name == "nj" and int(text) == 0):
            raise UserError(f"--{name} {text}: give {what}.")
        setattr(args, name, int(text))


def _available_cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def make_settings(args: argparse.Namespace, root: Path) -> Settings:
    """Join the preset and the options given.

    Raises:
        UserError: For a corpus without recipe or an unknown preset.
    """
    suffix = "" if args.preset == "default" else f"_{args.preset}"
    study_dir = (root / args.expdir / f"study_{args.corpus}{suffix}").resolve()
    preset = load_preset(root / "conf" / "presets.yaml", args.preset, args.corpus)

    def joined(name: str) -> str:
        return f"{preset.get(name, '')} {getattr(args, name)}".strip()

    settings = Settings(
        root=root,
        study_dir=study_dir,
        corpus=args.corpus,
        python=args.python,
        seed=args.seed,
        train_args=joined("train_args"),
        attack_args=joined("attack_args"),
        inference_args=joined("inference_args"),
        num_attack_utts=args.num_attack_utts or preset.get("num_attack_utts", ""),
        local_data_opts=joined("local_data_opts"),
        recipe_args=joined("recipe_args"),
        attack_config=root / args.attack_config,
    )
    if not settings.attack_config.is_file():
        raise UserError(f"--attack_config {args.attack_config}: no such file.")
    if not (settings.recipe / "run.sh").is_file():
        corpora = sorted(
            path.parent.parent.name
            for path in (root / "egs2").glob("*/asr_mtl1/run.sh")
        )
        raise UserError(
            f"--corpus {args.corpus}: there is no {settings.recipe}/run.sh. "
            f"Corpora: {', '.join(corpora)}."
        )
    return settings


def find_machine(nj: int, ngpu: int) -> Machine:
    """Find out what may be used.

    Args:
        nj: Number of cores to use.
        ngpu: Number of GPUs: the first of ``CUDA_VISIBLE_DEVICES``, if that is set.

    Raises:
        UserError: If there are fewer GPUs.
    """
    visible = [d for d in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if d]
    if visible and ngpu > len(visible):
        raise UserError(
            f"--ngpu {ngpu}: CUDA_VISIBLE_DEVICES has only {len(visible)} devices."
        )
    gpus = (visible or [str(number) for number in range(ngpu)])[:ngpu]
    return Machine(cores=nj, gpus=tuple(gpus))


def steps_to_do(
    chain: Sequence[Step], args: argparse.Namespace, ledger: Ledger
) -> list[Step]:
    """Choose the steps of a chain that must be run.

    Raises:
        UserError: If an earlier stage than asked for is missing or out of date.
    """
    for step in chain:
        if step.stage < args.stage and not ledger.is_done(step):
            raise UserError(
                f"--stage {args.stage}: {step.title} has not been done with these "
                f"settings. Start with --stage {step.stage}, or leave --stage out: "
                "stages that are done are not repeated."
            )
    asked = [step for step in chain if args.stage <= step.stage <= args.stop_stage]
    if args.redo == "true":
        for step in chain:
            if step.stage >= args.stage:
                ledger.forget(step)
    return [step for step in asked if not ledger.is_done(step)]


def make_report(
    settings: Settings,
    systems: Sequence[str],
    command: str,
    update_readme: bool,
    lock: StudyLock,
) -> None:
    """Write the study's tables, plots and page, and print the main table.

    Raises:
        UserError: If the report failed.
    """
    words = [settings.python, "-m", "espnet_mtl.bin.asr_mtl_report"]
    words += ["--output", str(settings.study_dir)]
    words += ["--title", f"{settings.corpus}: {len(systems)} systems under attack"]
    # How the README is written is not how the results were made.
    words += ["--command", command.replace(" --update_readme true", "")]
    words += ["--exp"]
    words += [str(settings.study_dir / f"asr_mtl_{system}") for system in systems]
    baselines = [name for name in BASELINES if name in systems]
    if baselines:
        words += ["--baselines", ",".join(baselines)]
    words.append("--print")
    if update_readme:
        readmes = [settings.root / "README.md", settings.recipe / "README.md"]
        words += ["--corpus", settings.corpus, "--update_readme", *map(str, readmes)]
    result = subprocess.run(words, pass_fds=(lock.fileno(),), check=False)
    if result.returncode != 0:
        raise UserError(
            "the report (stage 18) failed, see above. The same command again repeats "
            f"only the report: {shlex.join(words)}"
        )


def run_study(args: argparse.Namespace, root: Path) -> None:
    """Do what was asked, from data to report.

    Raises:
        UserError: If something was wrong with the options, or a step failed.
    """
    settings = make_settings(args, root)
    systems = load_systems(root / "conf" / "systems.yaml", args.systems.split())
    machine = find_machine(args.nj, args.ngpu)
    began = time.monotonic()
    lock = StudyLock(settings.study_dir / "log" / "lock")
    ledger = Ledger(settings.study_dir / "log")
    shared = plan_shared(settings)
    every = load_systems(root / "conf" / "systems.yaml")
    by_name = {system.name: system for system in every}
    taken = {system.name for system in systems}
    suite = settings.attack_is_suite
    chains = {
        s.name: plan_system(
            settings,
            s,
            shared[-1].key,
            by_name.get(s.transfer_from)
            if suite and s.transfer_from in taken
            else None,
        )
        for s in every
    }
    logging.info("Study of %s in %s", settings.corpus, settings.study_dir)

    first = steps_to_do(shared, args, ledger)
    pool = Pool(settings.recipe, settings.study_dir, machine, ledger, lock, Display())
    wanted = [chains[system.name] for system in systems]
    if args.stop_stage >= SYSTEM_STAGES[0]:
        second = [steps_to_do(chain, args, ledger) for chain in wanted]
    else:
        second = []
    try:
        if first or any(second):
            pool.run([first], later=second)
            if suite:  # attacks one system by another: all have to be packed
                later = [[s for s in chain if s.stage >= 15] for chain in second]
                packed = [[s for s in chain if s.stage < 15] for chain in second]
                pool.run(packed, later=later)
                pool.run(later)
            else:
                pool.run(second)
    finally:
        ledger.log_time(
            wall=round(time.monotonic() - began, 1),
            cores=machine.cores,
            peak_memory_mib=round(pool.peak_memory_mib),
            command=args.command,
        )

    finished = [name for name, chain in chains.items() if ledger.is_done(chain[-1])]
    if args.stage <= REPORT_STAGE <= args.stop_stage:
        if not finished:
            raise UserError("no system is finished up to stage 17: nothing to report.")
        update_readme = args.update_readme == "true"
        make_report(settings, finished, args.command, update_readme, lock)
    figures.show(settings.study_dir)
    lock.release()
    logging.info("Successfully finished. [elapsed=%ds]", time.monotonic() - began)


def _end_on(number: int, _frame: object) -> None:
    signal.signal(number, signal.SIG_IGN)
    raise SystemExit(128 + number)


def main() -> None:
    """Run the study; Ctrl-C and the like end all of its commands."""
    setup_logging()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _end_on)
    root = Path(__file__).resolve().parent.parent
    args = get_parser().parse_args()
    read_numbers(args)
    run_study(args, root)


if __name__ == "__main__":
    run_main(main)
