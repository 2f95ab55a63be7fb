"""A batch of the toy victim to attack."""

from dataclasses import dataclass, field, replace

import torch
from toy_victim import HOP, TOKENS, ToyVictim

from espnet_mtl.attack.balls import make_ball
from espnet_mtl.attack.losses import WeightedLoss
from espnet_mtl.attack.problem import Problem
from espnet_mtl.attack.quantise import FULL_SCALE
from espnet_mtl.metrics.wish import Heard
from espnet_mtl.results.attack import Decoder

TEXTS = [[1, 2, 3], [4], [5, 6]]


def words_of(tokens):
    return " ".join(TOKENS[token - 1] for token in tokens)


def transcribe(victim, speech, lengths):
    """What the toy victim hears: greedy CTC, every letter a word."""
    with torch.no_grad():
        best = victim._logits(speech).argmax(2)
    heard = []
    for row, length in zip(best.tolist(), lengths.tolist(), strict=True):
        frames = row[: length // HOP]
        kept = [
            t for t, before in zip(frames, [0, *frames], strict=False) if t != before
        ]
        heard.append(words_of([token for token in kept if token]))
    return heard


class ToyListener:
    """Implements ``espnet_mtl.attack.victim.Listener``."""

    about = Decoder(
        branches=("ctc",), ctc_weight=1.0, lm_weight=0.0, ngram_weight=0.0, beam_size=1
    )

    def __init__(self, victim):
        self.victim = victim

    def __call__(self, speech):
        speech = torch.from_numpy(speech)[None]
        lengths = torch.tensor([speech.shape[1]])
        accent = None
        if self.victim.accents:
            with torch.no_grad():
                losses = [
                    self.victim.losses(speech, lengths, [[]], [n], ["accent"])["accent"]
                    for n in range(len(self.victim.accents))
                ]
            accent = self.victim.accents[int(torch.cat(losses).argmin())]
        return Heard(transcribe(self.victim, speech, lengths)[0], accent)


def edits(a, b):
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, start=1):
        row, last = [i], row
        for j, y in enumerate(b, start=1):
            row.append(min(last[j] + 1, row[-1] + 1, last[j - 1] + (x != y)))
    return row[-1]


@dataclass
class ToyJudge:
    """Decodes what a 16-bit file would hold."""

    victim: ToyVictim
    clean: torch.Tensor
    lengths: torch.Tensor
    targets: list[str]
    num_heard: list[int] = field(default_factory=lambda: [0])

    def hear(self, delta):
        assert delta.shape == self.clean.shape
        self.num_heard[0] += len(delta)
        saved = ((self.clean + delta) * FULL_SCALE).round() / FULL_SCALE
        return [Heard(text) for text in transcribe(self.victim, saved, self.lengths)]

    def cost(self, heard, unit="word"):
        split = str.split if unit == "word" else list
        return torch.tensor(
            [
                float(edits(split(target), split(one.text)))
                for target, one in zip(self.targets, heard, strict=True)
            ]
        )

    def around(self, clean):
        return replace(self, clean=clean)

    def within(self, ball):
        return self  # it hears what any 16-bit file holds

    def rows(self, rows):
        return ToyJudge(
            self.victim,
            self.clean[rows],
            self.lengths[rows],
            [self.targets[n] for n in rows.tolist()],
            self.num_heard,
        )


def make_batch(lengths, peak=0.5, seed=0):
    generator = torch.Generator().manual_seed(seed)
    clean = (
        torch.rand(len(lengths), max(lengths), generator=generator) * 2 * peak - peak
    )
    for row, length in enumerate(lengths):
        clean[row, length:] = 0.0
    return (clean * FULL_SCALE).round() / FULL_SCALE, torch.tensor(lengths)


def make_problem(
    lengths=(800, 640, 400),
    norm="linf",
    budget=0.05,
    *,
    peak=0.5,
    seed=0,
    victim=None,
    weights=None,
):
    """A batch of random audio; targets are ``TEXTS`` in turn.

    With CTC alone, PGD of 50 steps reaches all targets at linf 0.2 or l2 1.5, some at
    snr 20 dB, and none at linf 0.02.
    """
    victim = victim or ToyVictim({"ctc": 1.0})
    clean, lengths = make_batch(list(lengths), peak, seed)
    texts = [TEXTS[row % len(TEXTS)] for row in range(len(lengths))]
    accents = [row % 2 for row in range(len(lengths))]
    return Problem(
        loss=WeightedLoss(victim, weights or victim.weights, lengths, texts, accents),
        ball=make_ball(norm, budget, clean, lengths),
        judge=ToyJudge(victim, clean, lengths, [words_of(text) for text in texts]),
        seeds=[1000 + row for row in range(len(lengths))],
        rate=victim.rate,
    )
