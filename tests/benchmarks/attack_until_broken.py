#!/usr/bin/env python3
"""How long a user waits until a share of the utterances is broken: ours, and others.

    PYTHONPATH=.:tests tests/benchmarks/attack_until_broken.py \
--model_zip exp/study_mini_accent/asr_mtl_ctc/asr_mtl_ctc.zip \
        --inference_config conf/decode_ctc.yaml \
        --data_dir exp/study_mini_accent/dump/raw/test

All attack the CTC branch of the same export, with the same utterances, targets and
ball. An utterance is broken where the real decoder hears the target, and nothing else,
in what a 16-bit file holds. Ours is the attack `chain`, in batches; its listening
is in its time. The others get the model without the care for padding that
ours takes, frozen, and one utterance at a time; each is run with several numbers of
steps and several step sizes, among them asr-attacks' own of 2.5 times the ball over the
number of steps, and asr-attacks also stopping early by its own greedy decoding;
listening to what they found is not in their time. For each number of utterances, the
fastest of all their runs counts, which a user does not know beforehand. Prints the
curves, and the ratio at the largest number that every toolkit reaches; at least 4 is
wanted on a CPU, in processor time.
"""

import argparse
import itertools
import logging
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import espnet_mtl.fast_start  # noqa: F401  (before ESPnet)

import numpy as np
import torch
from attack_speed import (
    BRANCH,
    Task,
    art,
    asr_attacks,
    load_bare_victim,
    make_task,
    now,
    pad,
)

from espnet_mtl.attack.balls import make_ball
from espnet_mtl.attack.judge import FileJudge
from espnet_mtl.attack.losses import WeightedLoss
from espnet_mtl.attack.methods.chain import Chain
from espnet_mtl.attack.problem import Problem
from espnet_mtl.attack.quantise import FileFormat
from espnet_mtl.inference.decoding import Decoding
from espnet_mtl.inference.listener import PackedListener
from espnet_mtl.metrics.wish import Wish
from espnet_mtl.victim.espnet_victim import ESPnetVictim, load_victim

SHARES = (0.1, 0.25, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)


def get_parser() -> argparse.ArgumentParser:
    """Return the command's parser."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model_zip", type=Path, required=True)
    parser.add_argument("--inference_config", type=Path, required=True)
    parser.add_argument("--data_dir", type=Path, required=True)
    parser.add_argument("--num_utts", type=int, default=32)
    parser.add_argument("--epsilon", type=float, default=0.002)
    parser.add_argument("--steps", type=int, nargs="+", default=[20, 50, 100, 200])
    parser.add_argument(
        "--strides",
        type=float,
        nargs="+",
        default=[2.5, 10.0],
        help="Length of all steps of the others together, of the ball",
    )
    parser.add_argument("--listen_every", type=int, nargs="+", default=[25, 10])
    parser.add_argument("--batch_bins", type=int, default=1_000_000)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    return parser


@dataclass(frozen=True)
class Watch:
    """A judge that notes when an utterance is first heard as wanted."""

    inner: FileJudge
    numbers: list[int]  # of the utterances
    clock: Callable[[], float]
    broken: dict[int, float] = field(default_factory=dict)

    def hear(self, delta):
        heard = self.inner.hear(delta)
        costs = self.inner.cost(heard).tolist()
        for number, cost in zip(self.numbers, costs, strict=True):
            if cost == 0:
                self.broken.setdefault(number, self.clock())
        return heard

    def cost(self, heard, unit="word"):
        return self.inner.cost(heard, unit)

    def rows(self, rows):
        numbers = [self.numbers[n] for n in rows.tolist()]
        return Watch(self.inner.rows(rows), numbers, self.clock, self.broken)


def make_problem(
    victim: ESPnetVictim,
    listener: PackedListener,
    task: Task,
    numbers: list[int],
    watch: Callable[..., Watch],
) -> Problem:
    """Make the problem of some utterances, which is watched."""
    audios = [task.audios[n] for n in numbers]
    clean = pad(audios, victim.device)
    lengths = torch.tensor([len(one) for one in audios], device=victim.device)
    ball = make_ball("linf", task.epsilon, clean, lengths)
    texts = [task.texts[n] for n in numbers]
    wishes = [Wish("target", task.words[n], "") for n in numbers]
    judge = FileJudge(listener, ball, FileFormat(), wishes)
    return Problem(
        WeightedLoss(victim, {BRANCH: 1.0}, lengths, texts, [0] * len(texts)),
        ball,
        watch(judge, numbers),
        seeds=numbers,
        rate=victim.rate,
    )


def ours(
    victim: ESPnetVictim,
    listener: PackedListener,
    task: Task,
    listen_every: int,
    batch_bins: int,
) -> tuple[list[float], float]:
    """Run the chain; return when utterances broke, and how long it took in all."""
    device, began = victim.device.type, now(victim.device.type)
    broken: dict[int, float] = {}

    def watch(judge: FileJudge, numbers: list[int]) -> Watch:
        return Watch(judge, numbers, lambda: now(device) - began, broken)

    batch: list[int] = []
    for number in range(len(task.audios)):
        batch.append(number)
        after = task.audios[min(number + 1, len(task.audios) - 1)]
        last = number + 1 == len(task.audios)
        if last or (len(batch) + 1) * len(after) > batch_bins:
            problem = make_problem(victim, listener, task, batch, watch)
            Chain(listen_every=listen_every)(problem)
            batch = []
    return sorted(broken.values()), now(device) - began


def theirs(
    attack: Callable[[Task], list[np.ndarray]],
    victim: ESPnetVictim,
    listener: PackedListener,
    task: Task,
) -> tuple[list[float], float]:
    """Attack one utterance after another, and listen outside of the time."""
    broken, spent = [], 0.0
    file = FileFormat()
    for number, clean in enumerate(task.audios):
        began = now(victim.device.type)
        (attacked,) = attack(task.only(number))
        spent += now(victim.device.type) - began
        heard = listener(file.keep(clean, attacked, "linf", task.epsilon))
        if Wish("target", task.words[number], "").cost(heard) == 0:
            broken.append(spent)
    return broken, spent


def when(runs: list[list[float]], count: int) -> float:
    """Return the seconds after which so many are broken; infinite for never."""
    return min((run[count - 1] for run in runs if len(run) >= count), default=math.inf)


def main() -> None:
    """Measure and print."""
    args = get_parser().parse_args()
    logging.disable(logging.WARNING)
    torch.set_num_threads(args.threads)
    victim = load_victim(args.model_zip, args.device)
    bare = load_bare_victim(args.model_zip, args.device)
    listener = PackedListener(
        args.model_zip, Decoding(args.inference_config), args.device
    )
    args.step = 0.0  # each has its own
    everybody = make_task(args, victim)
    warm = everybody.with_steps(2, args.epsilon / 4)
    theirs(asr_attacks(bare, False), bare, listener, warm)
    num = len(everybody.audios)
    runs: dict[str, dict[str, list[float]]] = {"ours": {}, "asr-attacks": {}, "ART": {}}

    def note(toolkit: str, run: str, found: tuple[list[float], float]) -> None:
        runs[toolkit][run] = found[0]
        print(
            f"{toolkit}, {run}: {len(found[0])} of {num} broken in {found[1]:.1f} s",
            flush=True,
        )

    for every in args.listen_every:
        found = ours(victim, listener, everybody, every, args.batch_bins)
        note("ours", f"listening every {every} steps", found)
    for steps, stride in itertools.product(args.steps, args.strides):
        task = everybody.with_steps(steps, stride * args.epsilon / steps)
        name = f"{steps} steps of {stride / steps:.3f}"
        for early in (False, True):
            found = theirs(asr_attacks(bare, early), bare, listener, task)
            note("asr-attacks", name + early * ", stopping early", found)
        note("ART", name, theirs(art(bare, 1), bare, listener, task))

    usual = runs["ours"][f"listening every {args.listen_every[0]} steps"]
    best = {
        toolkit: [
            when([usual] if toolkit == "ours" else list(of_it.values()), n + 1)
            for n in range(num)
        ]
        for toolkit, of_it in runs.items()
    }
    print("seconds until so many are broken, each toolkit's fastest run:")
    for count in sorted({math.ceil(share * num) for share in SHARES}):
        row = ", ".join(f"{name} {one[count - 1]:.2f}" for name, one in best.items())
        print(f"  {count:3} of {num}: {row}")
    most = min(sum(map(math.isfinite, one)) for one in best.values())
    for name, one in best.items():
        if most and name != "ours":
            ratio = one[most - 1] / best["ours"][most - 1]
            print(f"{most} of {num}: {name} takes {ratio:.2f} times as long as ours")


if __name__ == "__main__":
    main()
