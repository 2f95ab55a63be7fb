#!/usr/bin/env python3
"""How much more an attack costs than the gradients it cannot do without.

    tests/benchmarks/attack_overhead.py --model_zip exp/study_mini_accent/\
asr_mtl_hybrid_accent/asr_mtl_hybrid_accent_valid.acc.ave.zip \
        --data_dir exp/study_mini_accent/dump/raw/test

Compares, in turns within one run, the attack stage's whole work on a few batches
(reading audio, PGD, rounding, measuring, writing files and records) with the bare
forward and backward pass of the same frozen model on the same batches, as often as PGD
takes a gradient; and PGD alone, without files, with the same. Prints both ratios; for
PGD alone, at most 1.05 is wanted, and 1.15 for all. On a CPU it is processor time that
counts, which other programs disturb less than the clock.
"""

import argparse
import dataclasses
import logging
import statistics
import tempfile
import time
from pathlib import Path
from typing import NoReturn

import espnet_mtl.fast_start  # noqa: F401  (before ESPnet)

import torch

from espnet_mtl.attack.attackers import AttackerConfig
from espnet_mtl.attack.bound import BoundTrial
from espnet_mtl.attack.config import AttackConfig
from espnet_mtl.attack.plan import make_plan
from espnet_mtl.attack.problem_maker import Batch, ProblemMaker
from espnet_mtl.attack.quantise import FileFormat
from espnet_mtl.attack.runner.batching import load_batch, make_batches
from espnet_mtl.attack.runner.config_file import read_config
from espnet_mtl.attack.runner.job import Job
from espnet_mtl.attack.runner.made_of import Inputs
from espnet_mtl.attack.runner.test_set import TestSet, read_test_set
from espnet_mtl.victim import espnet_victim as victim_module
from espnet_mtl.victim.espnet_victim import ESPnetVictim, load_victim


def get_parser() -> argparse.ArgumentParser:
    """Return the command's parser."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model_zip", type=Path, required=True)
    parser.add_argument("--data_dir", type=Path, required=True)
    parser.add_argument("--config", type=Path, default=Path("conf/attack_pgd.yaml"))
    parser.add_argument("--num_utts", type=int, default=48)
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--ngpu", type=int, default=0)
    return parser


def now(device: torch.device) -> float:
    """Return seconds: of the processor, or by the clock when a GPU does the work."""
    if device.type == "cuda":
        torch.cuda.synchronize()
        return time.perf_counter()
    return time.process_time()


def load_bare_victim(model_zip: Path, device: str) -> ESPnetVictim:
    """Load a model as it is, without the care for padding that an attack takes."""
    careful = victim_module.hear_alone
    victim_module.hear_alone = lambda model: None
    try:
        return load_victim(model_zip, device)
    finally:
        victim_module.hear_alone = careful


def bare_seconds(
    maker: ProblemMaker, batches: list[Batch], bound: BoundTrial, steps: int
) -> float:
    """Time forward and backward passes alone."""
    device = maker.victim.device
    began = now(device)
    for batch in batches:
        loss = maker.make(bound, bound.attacks[0], batch).loss
        for _ in range(steps):
            speech = batch.clean.clone().requires_grad_(True)
            torch.autograd.grad(loss(speech).sum(), speech)
    return now(device) - began


def pgd_seconds(maker: ProblemMaker, batches: list[Batch], bound: BoundTrial) -> float:
    """Time the attack's steps: as many gradients, and what is made of them."""
    device = maker.victim.device
    began = now(device)
    for batch in batches:
        (attack,) = bound.attacks
        attack.method(maker.make(bound, attack, batch))
    return now(device) - began


def nobody(*_: object) -> NoReturn:
    """Stand for the decoder: plain PGD does not listen."""
    raise AssertionError("somebody listened")


def make_job(
    victim: ESPnetVictim, config: AttackConfig, test_set: TestSet, folder: Path
) -> Job:
    """Make the whole of the attack stage's work."""
    return Job(victim, config, test_set, folder, Inputs(victim.sha256), nobody)


def attack_seconds(
    victim: ESPnetVictim, config: AttackConfig, test_set: TestSet
) -> float:
    """Time the attack stage's work, from wav.scp to records."""
    with tempfile.TemporaryDirectory() as folder:
        began = now(victim.device)
        # A copy has not read its audio yet.
        unread = dataclasses.replace(test_set)
        make_job(victim, config, unread, Path(folder)).run()
        return now(victim.device) - began


def main() -> None:
    """Measure and print."""
    args = get_parser().parse_args()
    logging.disable(logging.INFO)
    torch.set_num_threads(args.threads)
    device = "cuda" if args.ngpu else "cpu"
    config = read_config(args.config, f"steps={args.steps}")
    config = dataclasses.replace(config, budgets=config.budgets[-1:], controls=())
    test_set = read_test_set(args.data_dir, None, args.num_utts, 0)
    victim = load_victim(args.model_zip, device)
    bare = load_bare_victim(args.model_zip, device)

    # One attacker: the one that uses every branch.
    first = make_plan(config, bare, {})[0]
    weights = AttackerConfig(**first.attacks[0].attacker.weights)
    config = dataclasses.replace(config, attackers={"first": weights})
    maker = ProblemMaker(bare, nobody, FileFormat(config.sample_format), config.seed)
    careful = ProblemMaker(
        victim, nobody, FileFormat(config.sample_format), config.seed
    )
    lengths = test_set.recordings.lengths()
    batches = [
        load_batch(test_set, batch, victim.device)
        for batch in make_batches(lengths, config.batch_bins)
    ]
    ratios, stepped = [], []
    for repeat in range(args.repeats + 1):
        needed = bare_seconds(maker, batches, first, args.steps)
        steps = pgd_seconds(careful, batches, first)
        taken = attack_seconds(victim, config, test_set)
        if repeat:  # the first turn warms up
            ratios.append(taken / needed)
            stepped.append(steps / needed)
            print(
                f"bare {needed:.2f} s, PGD {steps:.2f} s, attack {taken:.2f} s, "
                f"ratios {stepped[-1]:.3f} and {ratios[-1]:.3f}"
            )
    print(
        f"{len(test_set.utterances)} utterances in {len(batches)} batches, "
        f"{args.steps} steps: PGD costs {statistics.median(stepped):.3f} times the "
        f"bare gradients (median of {len(ratios)}, {min(stepped):.3f} to "
        f"{max(stepped):.3f}), and the whole attack {statistics.median(ratios):.3f} "
        f"times ({min(ratios):.3f} to {max(ratios):.3f})"
    )


if __name__ == "__main__":
    main()
