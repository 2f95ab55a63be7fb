#!/usr/bin/env python3
"""How long a step of PGD takes an utterance: ours, and other toolkits'.

    PYTHONPATH=.:tests tests/benchmarks/attack_speed.py \
--model_zip exp/study_mini_accent/asr_mtl_ctc/asr_mtl_ctc_valid.cer_ctc.ave.zip \
        --data_dir exp/study_mini_accent/dump/raw/test

All attack the CTC branch of the same exported model, with the same utterances, targets,
budget and number of steps, in turns within one run. The others get the model without
the care for padding that ours takes, frozen, and one utterance at a time as is usual
with them: asr-attacks refuses batches, and what is published with ART for speech is
attacked that way. ART's variants are ragged batches, and weights that are not frozen as
in ART's own speech recognisers. Prints milliseconds for an utterance and a step, the
ratio to ours, at least 2 wanted, and how far the loss fell, since a fast attack that
does not attack is none. On a CPU it is processor time that counts, which other programs
disturb less than the clock.
"""

import argparse
import logging
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from unittest import mock

import espnet_mtl.fast_start  # noqa: F401  (before ESPnet)

import numpy as np
import peers
import torch

from espnet_mtl.attack.balls import make_ball
from espnet_mtl.attack.losses import WeightedLoss
from espnet_mtl.attack.methods.pgd import PGD
from espnet_mtl.attack.problem import Problem
from espnet_mtl.attack.runner.feasibility import explain_infeasible
from espnet_mtl.data.audio import read_audio
from espnet_mtl.data.tables import read_table
from espnet_mtl.victim import espnet_victim as victim_module
from espnet_mtl.victim.espnet_victim import ESPnetVictim, load_victim

BRANCH = "ctc"


@dataclass(frozen=True)
class Task:
    """What everybody has to do.

    Attributes:
        audios: Waveforms, from short to long, each (Samples,).
        texts: Their targets as token ids.
        words: The same as written.
        epsilon: Largest change of a sample.
        step: Length of a step; of the first one, with ours.
        steps: Number of steps.
    """

    audios: list[np.ndarray]
    texts: list[Sequence[int]]
    words: list[str]
    epsilon: float
    step: float
    steps: int

    def with_steps(self, steps: int, step: float) -> "Task":
        """Return the task with other steps."""
        return replace(self, steps=steps, step=step)

    def only(self, number: int) -> "Task":
        """Return the task of one utterance."""
        place = slice(number, number + 1)
        return replace(
            self,
            audios=self.audios[place],
            texts=self.texts[place],
            words=self.words[place],
        )


# Attacks all utterances and returns the attacked audio.
Contestant = Callable[[Task], list[np.ndarray]]


def get_parser() -> argparse.ArgumentParser:
    """Return the command's parser."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model_zip", type=Path, required=True)
    parser.add_argument("--data_dir", type=Path, required=True)
    parser.add_argument("--num_utts", type=int, default=32)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--epsilon", type=float, default=0.004)
    parser.add_argument("--step", type=float, default=0.001)
    parser.add_argument(
        "--batch_bins", type=int, default=1_000_000, help="Samples in a batch of ours"
    )
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument(
        "--only", nargs="*", help="Contestants to run; default: all. Ours always runs"
    )
    return parser


def make_task(args: argparse.Namespace, victim: ESPnetVictim) -> Task:
    """Read audio; targets are sentences of other utterances that can be said."""
    wavs, sentences = read_table(args.data_dir / "wav.scp"), []
    truth = read_table(args.data_dir / "text")
    sentences = [(utt, victim.encode_text(text)) for utt, text in truth.items()]
    chosen = list(wavs)[:: max(1, len(wavs) // args.num_utts)][: args.num_utts]
    pairs = []
    for number, utt in enumerate(chosen):
        audio = read_audio(wavs[utt], victim.rate, utt=utt).astype(np.float32)
        others = sentences[number + 1 :] + sentences[: number + 1]
        text, words = next(
            (tokens, truth[other])
            for other, tokens in others
            if truth[other] != truth[utt]
            and explain_infeasible(victim, len(audio), truth[other]) is None
        )
        pairs.append((audio, text, words))
    pairs.sort(key=lambda pair: len(pair[0]))
    audios, texts, said = map(list, zip(*pairs, strict=True))
    return Task(audios, texts, said, args.epsilon, args.step, args.steps)


def load_bare_victim(model_zip: Path, device: str) -> ESPnetVictim:
    """Load a model as it is, without the care for padding that an attack takes."""
    with mock.patch.object(victim_module, "hear_alone", lambda model: None):
        return load_victim(model_zip, device)


def pad(audios: Sequence[np.ndarray], device: torch.device) -> torch.Tensor:
    """Make a batch of waveforms, (Batch, Samples)."""
    rows = [torch.from_numpy(audio) for audio in audios]
    return torch.nn.utils.rnn.pad_sequence(rows, batch_first=True).to(device)


def cut(batch: torch.Tensor, audios: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Take a batch apart again."""
    rows = batch.cpu().numpy()
    return [row[: len(audio)] for row, audio in zip(rows, audios, strict=True)]


def ours(victim: ESPnetVictim, batch_bins: int) -> Contestant:
    """Our PGD, in batches of neighbours in length."""

    def attack(task: Task) -> list[np.ndarray]:
        pgd = PGD(task.steps, task.step / task.epsilon, 0.0, random_start=False)
        attacked, first = [], 0
        for last in range(1, len(task.audios) + 1):
            longer = len(task.audios[min(last, len(task.audios) - 1)])
            if last < len(task.audios) and (last - first + 1) * longer <= batch_bins:
                continue
            audios, texts = task.audios[first:last], task.texts[first:last]
            clean = pad(audios, victim.device)
            lengths = torch.tensor([len(a) for a in audios], device=victim.device)
            problem = Problem(
                WeightedLoss(victim, {BRANCH: 1.0}, lengths, texts, [0] * len(texts)),
                make_ball("linf", task.epsilon, clean, lengths),
                judge=None,
                seeds=range(len(texts)),
                rate=victim.rate,
            )
            attacked += cut(clean + pgd(problem).delta, audios)
            first = last
        return attacked

    return attack


def art(victim: ESPnetVictim, batch_size: int, frozen: bool = True) -> Contestant:
    """ART's PGD with an estimator around the model."""

    def gradients(rows, texts):
        batch = pad(rows, victim.device).requires_grad_(True)
        lengths = torch.tensor([len(row) for row in rows], device=victim.device)
        losses = victim.losses(batch, lengths, texts, [0] * len(rows), (BRANCH,))
        if frozen:
            (gradient,) = torch.autograd.grad(losses[BRANCH].sum(), batch)
        else:
            losses[BRANCH].sum().backward()
            gradient = batch.grad
        return cut(gradient, rows)

    def attack(task: Task) -> list[np.ndarray]:
        pgd = peers.art_attack(
            peers.ArtRecogniser(lambda rows, texts: gradients(as_floats(rows), texts)),
            task.epsilon,
            task.step,
            task.steps,
            batch_size=batch_size,
        )
        parameters = list(victim._model.parameters())
        for parameter in parameters:
            parameter.requires_grad_(not frozen)
        try:
            return list(pgd.generate(peers.boxed(task.audios), peers.boxed(task.texts)))
        finally:
            for parameter in parameters:
                parameter.requires_grad_(False).grad = None

    return attack


def as_floats(rows: list[np.ndarray]) -> list[np.ndarray]:
    """ART's projection turns audio into float64; the model is of float32."""
    return [row.astype(np.float32) for row in rows]


def asr_attacks_backend(victim: ESPnetVictim) -> peers.Backend:
    """Make the model a backend of asr-attacks."""
    model = victim._model

    def logits(audio):
        lengths = torch.tensor([audio.shape[1]], device=audio.device)
        encoded, _ = model.encode(audio, lengths)
        if isinstance(encoded, tuple):
            encoded = encoded[0]
        return model.ctc.ctc_lo(encoded)

    return peers.Backend(logits, victim.device, model.blank_id)


def asr_attacks(victim: ESPnetVictim, early_stop: bool = False) -> Contestant:
    """asr-attacks' PGD with a backend around the model."""
    backend = asr_attacks_backend(victim)

    def attack(task: Task) -> list[np.ndarray]:
        return [
            peers.asr_attacks_attack(
                backend,
                audio,
                text,
                epsilon=task.epsilon,
                alpha=task.step,
                num_iter=task.steps,
                early_stop=early_stop,
            )
            for audio, text in zip(task.audios, task.texts, strict=True)
        ]

    return attack


def mean_loss(victim: ESPnetVictim, task: Task, audios: list[np.ndarray]) -> float:
    """Return the loss per utterance in nats, each heard alone."""
    total = 0.0
    for audio, text in zip(as_floats(audios), task.texts, strict=True):
        batch = pad([audio], victim.device)
        lengths = torch.tensor([len(audio)], device=victim.device)
        with torch.no_grad():
            losses = victim.losses(batch, lengths, [text], [0], (BRANCH,))
        total += float(losses[BRANCH])
    return total / len(audios)


def now(device: str) -> float:
    """Return seconds: of the processor, or by the clock when a GPU does the work."""
    if device == "cuda":
        torch.cuda.synchronize()
        return time.perf_counter()
    return time.process_time()


def describe(values: list[float], digits: int) -> str:
    """Write a median and a range."""
    low, middle, high = min(values), statistics.median(values), max(values)
    return f"{middle:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


def main() -> None:
    """Measure and print."""
    args = get_parser().parse_args()
    logging.disable(logging.INFO)
    torch.set_num_threads(args.threads)
    victim = load_victim(args.model_zip, args.device)
    bare = load_bare_victim(args.model_zip, args.device)
    task = make_task(args, victim)
    whole = len(task.audios)
    contestants = {
        "ours": ours(victim, args.batch_bins),
        "ours, one at a time": ours(victim, 1),
        "ours, no care for padding": ours(bare, args.batch_bins),
        "ART, one at a time": art(bare, 1),
        "ART, one at a time, not frozen": art(bare, 1, frozen=False),
        "ART, batches of 8": art(bare, 8),
        f"ART, batch of {whole}": art(bare, whole),
        "asr-attacks": asr_attacks(bare),
    }
    if args.only is not None:
        wanted = {"ours", *args.only}
        contestants = {n: run for n, run in contestants.items() if n in wanted}

    # 1. In turns, each time beginning with another one; the first turn warms up.
    seconds = {name: [] for name in contestants}
    losses = {}
    for repeat in range(args.repeats + 1):
        names = list(contestants)
        for name in names[repeat % len(names) :] + names[: repeat % len(names)]:
            began = now(args.device)
            attacked = contestants[name](task)
            taken = now(args.device) - began
            if repeat:
                seconds[name].append(taken)
            else:
                losses[name] = mean_loss(bare, task, attacked)

    # 2. Ratios within a turn
    samples = sum(map(len, task.audios))
    print(
        f"{whole} utterances of {samples / whole / victim.rate:.2f} s on average, "
        f"{task.steps} steps, {args.device}, {args.threads} thread(s), "
        f"{args.repeats} repeats; CTC loss of clean audio "
        f"{mean_loss(bare, task, task.audios):.1f}"
    )
    for name, values in seconds.items():
        each = [1000 * value / whole / task.steps for value in values]
        ratios = [a / b for a, b in zip(values, seconds["ours"], strict=True)]
        print(
            f"{name:32} {describe(each, 2)} ms/utterance-step; "
            f"{describe(ratios, 2)} times ours; loss {losses[name]:.1f}"
        )


if __name__ == "__main__":
    main()
