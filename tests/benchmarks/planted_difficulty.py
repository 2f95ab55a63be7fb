#!/usr/bin/env python3
"""Which attacks find planted examples of which difficulty.

    PYTHONPATH=.:tests tests/benchmarks/planted_difficulty.py \
--model_zip exp/study_mini_accent/asr_mtl_ctc/asr_mtl_ctc.zip \
--inference_config conf/decode_ctc.yaml \
--data_dir exp/study_mini_accent/dump/raw/test

Plants examples (``espnet_mtl/attack/planted.py``) in an exported model, behind locks of
more and more wheels, and has good and faulty attacks search for them. Prints how many
each finds, how far the locks were open on average, and the processor time of it all.
What the audit calls easy should be found by twenty steps, and be missed by five and by
attacks with a fault. What it calls medium should be found by 75 steps, and be missed by
twenty; what it calls hard should be missed by 75.
"""

import argparse
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import espnet_mtl.fast_start  # noqa: F401  (before ESPnet)

import torch

from espnet_mtl.attack.attackers import Attacker
from espnet_mtl.attack.balls import UNBOUNDED, make_ball
from espnet_mtl.attack.judge import FileJudge
from espnet_mtl.attack.losses import Loss, WeightedLoss
from espnet_mtl.attack.methods.base import Method
from espnet_mtl.attack.methods.fgsm import FGSM
from espnet_mtl.attack.methods.noise import RandomSign
from espnet_mtl.attack.methods.pgd import PGD
from espnet_mtl.attack.methods.unbounded import Unbounded
from espnet_mtl.attack.planted import (
    Lock,
    Plant,
    PlantedJudge,
    PlantedLoss,
    choose_way,
    draw_key,
    go_beyond,
    is_there,
)
from espnet_mtl.attack.problem import Problem, loss_and_gradient
from espnet_mtl.attack.problem_maker import Batch
from espnet_mtl.attack.quantise import FileFormat
from espnet_mtl.attack.runner.batching import load_batch
from espnet_mtl.attack.runner.config_file import read_config
from espnet_mtl.attack.runner.test_set import read_test_set
from espnet_mtl.attack.suite import SuiteMember, worst_case
from espnet_mtl.inference.decoding import Decoding
from espnet_mtl.inference.listener import PackedListener
from espnet_mtl.metrics.wish import Wish
from espnet_mtl.results.trial import Member
from espnet_mtl.seeding import seed_of
from espnet_mtl.victim.espnet_victim import ESPnetVictim, load_victim

STANDARD = Path(__file__).parents[2] / "conf" / "attack_standard.yaml"

# Finds perturbations of a batch, (Batch, Samples).
Search = Callable[[Problem], torch.Tensor]


def get_parser() -> argparse.ArgumentParser:
    """Return the command's parser."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model_zip", type=Path, required=True)
    parser.add_argument("--inference_config", type=Path, required=True)
    parser.add_argument("--data_dir", type=Path, required=True)
    parser.add_argument("--num_utts", type=int, default=8)
    parser.add_argument("--norm", choices=("linf", "l2"), default="linf")
    parser.add_argument("--radius", type=float, default=0.00025)
    parser.add_argument("--wheels", type=int, nargs="*", default=[2, 4, 8, 16, 32, 48])
    parser.add_argument("--only", nargs="*", help="Attacks to run; default: all")
    return parser


@dataclass(frozen=True)
class WrongGradient:
    """A loss whose gradient is multiplied by something; a ``Loss``."""

    loss: Loss
    factor: torch.Tensor

    def __call__(self, speech: torch.Tensor) -> torch.Tensor:
        """Calculate the loss; see ``Loss``."""
        part = self.factor * speech
        return self.loss(part + (speech - part).detach())


@dataclass(frozen=True)
class Blind:
    """The loss of a victim whose lock is cut off from the gradient; a ``Loss``."""

    planted: PlantedLoss

    def __call__(self, speech: torch.Tensor) -> torch.Tensor:
        """Calculate the loss; see ``Loss``."""
        heard = self.planted.plant.hear(speech.detach())
        return self.planted.loss(heard + speech - speech.detach())


def by(method: Method) -> Search:
    """Search with an attack as it is."""
    return lambda problem: method(problem).delta


def flipped(share: float) -> Search:
    """PGD with the gradient's sign flipped in a share of the samples."""

    def search(problem: Problem) -> torch.Tensor:
        generator = torch.Generator().manual_seed(0)
        drawn = torch.rand(problem.ball.clean.shape, generator=generator)
        factor = 1.0 - 2.0 * (drawn < share)
        return PGD()(replace(problem, loss=WrongGradient(problem.loss, factor))).delta

    return search


def short(problem: Problem) -> torch.Tensor:
    """PGD that leaves the last fifth of each utterance alone."""
    mask = problem.ball.mask
    factor = (mask.cumsum(dim=1) <= 0.8 * mask.sum(dim=1, keepdim=True)).float()
    return PGD()(replace(problem, loss=WrongGradient(problem.loss, factor))).delta


def detached(problem: Problem) -> torch.Tensor:
    """PGD that sees the victim's gradient, but not how to open the lock."""
    return PGD()(replace(problem, loss=Blind(problem.loss))).delta


def standard(problem: Problem) -> torch.Tensor:
    """The standard attack's parts with gradients, one after another."""
    parts = [
        SuiteMember(
            Member(attack=one.attack, attacker="", kind="white_box"), m, problem
        )
        for one in read_config(STANDARD).attacks
        if (m := one.method).traits.kind == "white_box"
    ]
    return worst_case(parts).delta


def last_of_large_steps(problem: Problem) -> torch.Tensor:
    """The last of 75 steps that are as long as the ball's radius."""
    ball = problem.ball
    delta = ball.random(problem.seeds_for("start", 0))
    for _ in range(75):
        _, gradient = loss_and_gradient(problem, delta)
        step = ball.direction_(gradient) * ball.radius[:, None]
        delta = ball.project_(delta - step)
    return delta


SEARCHES: dict[str, Search] = {
    "10 random signs": by(RandomSign(draws=10)),
    "FGSM": by(FGSM()),
    "PGD 5": by(PGD(steps=5)),
    "PGD 20": by(PGD(steps=20)),
    "PGD 75": by(PGD()),
    "PGD 200": by(PGD(steps=200)),
    "standard": standard,
    "fault: a tenth of the signs flipped": flipped(0.1),
    "fault: the last fifth left alone": short,
    "fault: last of steps of a radius": last_of_large_steps,
    "fault: detached": detached,
}


def make_problem(
    victim: ESPnetVictim, listener: PackedListener, batch: Batch, norm: str, size: float
) -> Problem:
    """Make the problem of a batch; the judge takes audio as it comes."""
    weights = Attacker(weights=dict(victim.weights)).weights
    texts = [victim.encode_text(text) for text in batch.targets]
    ball = FileFormat().ball(make_ball(norm, size, batch.clean, batch.lengths))
    wishes = [
        Wish("target", target, truth)
        for target, truth in zip(batch.targets, batch.texts, strict=True)
    ]
    return Problem(
        WeightedLoss(victim, weights, batch.lengths, texts, [0] * len(batch)),
        ball,
        FileJudge(
            listener,
            ball,
            FileFormat("float32"),
            wishes,
        ),
        [seed_of(0, utt) for utt in batch.utterances],
        victim.rate,
    )


def main() -> None:
    """Measure and print."""
    args = get_parser().parse_args()
    logging.disable(logging.INFO)
    torch.set_num_threads(1)
    victim = load_victim(args.model_zip)
    listener = PackedListener(args.model_zip, Decoding(args.inference_config))
    test_set = read_test_set(args.data_dir, None, args.num_utts, 0)
    batch = load_batch(test_set, tuple(test_set.utterances), victim.device)

    def problem_of(norm: str, size: float) -> Problem:
        return make_problem(victim, listener, batch, norm, size)

    # 1. Audio in which the victim hears the target, and the victim itself in the ball
    wide, narrow = problem_of("linf", UNBOUNDED), problem_of(args.norm, args.radius)
    loud = batch.clean + Unbounded()(wide).delta
    attacked = PGD(steps=200)(narrow).delta
    resisting = int((narrow.judge.cost(narrow.judge.hear(attacked)) > 0).sum())
    print(
        f"{args.model_zip.name}: {len(batch)} utterances, {args.norm} {args.radius:g}; "
        f"without a plant {resisting} resist PGD 200"
    )

    # 2. Who finds what
    file = FileFormat()
    key = draw_key(narrow.ball, narrow.seeds_for("planted"))
    way = choose_way(narrow, go_beyond(narrow, loud))
    wanted = args.only or list(SEARCHES)
    print(f"{'':38}" + "".join(f"{n:>3} wheels    " for n in args.wheels))
    rows: dict[str, list[str]] = {"exists": []}
    seconds: dict[str, float] = {}
    for wheels in args.wheels:
        plant = Plant(Lock(batch.clean, key, wheels), *way)
        judge = PlantedJudge(narrow.judge, plant, narrow.ball, file)
        problem = plant.in_front_of(narrow, judge)
        exists = is_there(judge, key)
        rows["exists"].append(f"{int(exists.sum())}/{len(batch)}")
        for name in wanted:
            began = time.process_time()
            delta = SEARCHES[name](problem)
            taken = time.process_time() - began
            seconds[name] = seconds.get(name, 0.0) + taken
            found = judge.cost(judge.hear(delta)) == 0
            opened = judge.opened(delta).mean()
            cell = f"{int(found.sum())}/{len(batch)} ({opened:.2f})"
            rows.setdefault(name, []).append(cell)
    for name, cells in rows.items():
        taken = f"  {seconds[name]:.0f} s" if name in seconds else ""
        print(f"{name:38}" + "".join(f"{cell:13}" for cell in cells) + taken)


if __name__ == "__main__":
    main()
