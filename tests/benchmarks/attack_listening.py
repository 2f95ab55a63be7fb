#!/usr/bin/env python3
"""What it costs to listen, against a gradient, and whether a batch is heard alike.

    tests/benchmarks/attack_listening.py --model_zip exp/study_mini_accent/\
asr_mtl_ctc/asr_mtl_ctc.zip --inference_config conf/decode_ctc.yaml \
        --data_dir exp/study_mini_accent/dump/raw/test

Attacks a few batches, and listens from time to time to what a 16-bit file would hold:
one utterance at a time, and all of a batch at once. Prints milliseconds an utterance of
both and of a gradient, all in turns within one run, their ratios, and in how many
utterances transcript or accent differ, of which there is to be none.
"""

import argparse
import dataclasses
import logging
import statistics
from pathlib import Path

import espnet_mtl.fast_start  # noqa: F401  (before ESPnet)

import torch
from attack_overhead import now

from espnet_mtl.attack.config import AttackConfig
from espnet_mtl.attack.methods.pgd import PGD
from espnet_mtl.attack.plan import make_plan
from espnet_mtl.attack.problem import loss_and_gradient
from espnet_mtl.attack.problem_maker import ProblemMaker
from espnet_mtl.attack.quantise import FileFormat
from espnet_mtl.attack.runner.batching import load_batch, make_batches
from espnet_mtl.attack.runner.config_file import read_config
from espnet_mtl.attack.runner.test_set import read_test_set
from espnet_mtl.inference.decoding import Decoding
from espnet_mtl.inference.listener import PackedListener
from espnet_mtl.victim.espnet_victim import load_victim


def get_parser() -> argparse.ArgumentParser:
    """Return the command's parser."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model_zip", type=Path, required=True)
    parser.add_argument("--inference_config", type=Path, required=True)
    parser.add_argument("--data_dir", type=Path, required=True)
    parser.add_argument("--config", type=Path, default=Path("conf/attack_pgd.yaml"))
    parser.add_argument("--num_utts", type=int, default=64)
    parser.add_argument("--batch_size", type=int, default=16, help="Utterances in one")
    parser.add_argument(
        "--steps", type=int, nargs="+", default=[0, 5, 10, 15, 20, 30, 45]
    )
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--ngpu", type=int, default=0)
    return parser


def read_attack(path: Path) -> AttackConfig:
    """Read a configuration; of its budgets, the largest, where most is heard."""
    config = read_config(path)
    return dataclasses.replace(config, budgets=config.budgets[-1:], controls=())


def main() -> None:
    """Measure and print."""
    args = get_parser().parse_args()
    logging.disable(logging.WARNING)
    torch.set_num_threads(args.threads)
    device = "cuda" if args.ngpu else "cpu"
    victim = load_victim(args.model_zip, device)
    listener = PackedListener(args.model_zip, Decoding(args.inference_config), device)
    config = read_attack(args.config)
    test_set = read_test_set(args.data_dir, None, args.num_utts, config.seed)
    (bound, *_) = make_plan(config, victim, {})
    batched = ProblemMaker(
        victim, listener, FileFormat(config.sample_format), config.seed
    )
    singly = ProblemMaker(
        victim,
        lambda speech: listener(speech),
        FileFormat(config.sample_format),
        config.seed,
    )
    lengths = test_set.recordings.lengths()
    longest = max(lengths.values())
    seconds: dict[str, list[float]] = {"gradient": [], "one": [], "all": []}
    heard = differ = reached = 0
    for utterances in make_batches(lengths, args.batch_size * longest):
        batch = load_batch(test_set, utterances, victim.device)
        problem = batched.make(bound, bound.attacks[0], batch)
        alone = singly.make(bound, bound.attacks[0], batch).judge
        for steps in args.steps:
            delta = torch.zeros_like(batch.clean)
            if steps:
                delta = PGD(steps=steps)(problem).delta
            began = now(victim.device)
            loss_and_gradient(problem, delta)
            took = now(victim.device)
            one = alone.hear(delta)
            took_one = now(victim.device)
            every = problem.judge.hear(delta)
            took_all = now(victim.device)
            spent = took - began, took_one - took, took_all - took_one
            for name, value in zip(seconds, spent, strict=True):
                seconds[name].append(1000 * value / len(batch))
            heard += len(batch)
            differ += sum(a != b for a, b in zip(one, every, strict=True))
            reached += int((problem.judge.cost(every) == 0).sum())
    each = {name: statistics.median(values) for name, values in seconds.items()}

    def ratio(above: str, below: str) -> str:
        pairs = zip(seconds[above], seconds[below], strict=True)
        return f"{statistics.median(a / b for a, b in pairs):.2f}"

    print(
        f"{args.model_zip.stem}: a gradient takes {each['gradient']:.2f} ms an "
        f"utterance, listening one by one {each['one']:.2f} ({ratio('one', 'gradient')}"
        f" times the gradient), to batches {each['all']:.2f} "
        f"({ratio('all', 'gradient')} times); {ratio('one', 'all')} times as fast. "
        f"{heard} heard, {reached} of them at their target, {differ} differently"
    )


if __name__ == "__main__":
    main()
