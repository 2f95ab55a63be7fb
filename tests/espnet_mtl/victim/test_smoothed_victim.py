"""What an attacker learns of a recogniser behind randomised smoothing."""

import pytest
import torch
from toy_problem import make_batch
from toy_victim import ToyVictim

from espnet_mtl.attack.eot import EOT, ExpectedLoss
from espnet_mtl.attack.losses import WeightedLoss
from espnet_mtl.victim.smoothed_victim import SmoothedVictim

STD = 0.05
LENGTHS = [1600, 800, 1200]
TEXTS = [[1, 2, 3], [4, 5], [6]]


class Recorder(ToyVictim):
    """Keeps what it hears."""

    def __init__(self):
        super().__init__()
        self.heard = []

    def losses(self, speech, *others):
        self.heard.append(speech.detach().clone())
        return super().losses(speech, *others)


def losses(victim, speech, rows):
    lengths = torch.tensor([LENGTHS[row] for row in rows])
    texts = [TEXTS[row] for row in rows]
    speech = speech[rows, : int(lengths.max())]
    return victim.losses(speech, lengths, texts, [0] * len(rows), ["ctc", "att"])


def speech():
    return make_batch(LENGTHS)[0]


def test_it_hears_noise_within_the_audio_and_none_in_the_padding():
    inner, audio = Recorder(), speech()
    losses(SmoothedVictim(inner, STD), audio, [0, 1, 2])
    noise = inner.heard[0] - audio
    for row, length in enumerate(LENGTHS):
        assert float(noise[row, :length].std()) == pytest.approx(STD, rel=0.1)
        assert not noise[row, length:].any()


def test_each_call_draws_anew_and_an_utterance_the_same_in_any_batch():
    audio = speech()
    together, alone = SmoothedVictim(ToyVictim(), STD), SmoothedVictim(ToyVictim(), STD)
    calls = [losses(together, audio, [0, 1, 2])["ctc"] for _ in range(3)]
    assert len({float(one[0]) for one in calls}) == 3
    for row in (2, 0, 1):
        for call in calls:
            assert losses(alone, audio, [row])["ctc"] == pytest.approx(call[row, None])


def test_gradients_are_those_at_the_noisy_copy_and_eot_averages_them():
    inner, audio = Recorder(), speech()
    loss = WeightedLoss(
        SmoothedVictim(inner, STD),
        {"ctc": 1.0, "att": 0.5},
        torch.tensor(LENGTHS),
        TEXTS,
        [0, 0, 0],
    )
    expected = ExpectedLoss(loss, EOT(draws=16), loss.lengths, ())
    averaged = EOT(draws=16).wrap(loss, loss.lengths, [0, 1, 2])
    assert isinstance(averaged, type(expected))
    leaf = audio.clone().requires_grad_(True)
    (gradient,) = torch.autograd.grad(averaged(leaf).sum(), leaf)
    assert len(inner.heard) == 16

    total = torch.zeros_like(audio)
    for heard in list(inner.heard):
        copy = heard.requires_grad_(True)
        plain = WeightedLoss(
            ToyVictim(), loss.weights, loss.lengths, TEXTS, loss.accents
        )
        total += torch.autograd.grad(plain(copy).sum(), copy)[0]
    torch.testing.assert_close(gradient, total / 16)


def test_all_else_is_the_recognisers():
    inner = ToyVictim()
    victim = SmoothedVictim(inner, STD)
    for name in ("sha256", "rate", "device", "weights", "accents"):
        assert getattr(victim, name) == getattr(inner, name)
    assert victim.num_frames(1600) == inner.num_frames(1600)
    assert victim.encode_text("abc") == inner.encode_text("abc")
    assert victim.write_text("a x") == inner.write_text("a x")
