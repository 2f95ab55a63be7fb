"""Noise as the control."""

import torch
from robust_factory import FIRST, make_model, make_named_batch

from espnet_mtl.asr_mtl.robust.noise import NoiseTraining


class Ear(torch.nn.Module):
    """Keeps what it hears."""

    def forward(self, speech, **_):
        self.heard = speech
        return speech.sum(), {}, torch.tensor([len(speech)])


def hear(**settings):
    batch, ear = make_named_batch(), Ear()
    way = NoiseTraining(radius_draw="fixed", ramp_updates=0, **settings)
    way(ear, batch, FIRST)
    return ear.heard - batch["speech"], batch


def test_signs_are_of_the_radius_up_and_down():
    noise, batch = hear(radius=0.01)
    for row, length in zip(noise, batch["speech_lengths"], strict=True):
        inside = row[:length]
        torch.testing.assert_close(inside.abs(), torch.full_like(inside, 0.01))
        assert abs((inside > 0).float().mean() - 0.5) < 0.05
        assert torch.all(row[length:] == 0)
    assert not torch.equal(noise[0].sign(), noise[1].sign())


def test_gaussian_noise_is_of_the_same_power_before_the_cut():
    noise, batch = hear(radius=0.01, kind="gaussian")
    row = noise[0, : batch["speech_lengths"][0]]
    assert row.abs().max() <= 0.010001
    # A normal variable is beyond one deviation 31.7 % of the time.
    assert abs((row.abs() > 0.00999).float().mean() - 0.317) < 0.03


def test_other_balls_are_filled_to_the_sphere():
    for kind in ("sign", "gaussian"):
        noise, _ = hear(radius=0.3, norm="l2", kind=kind)
        norms = torch.linalg.vector_norm(noise, dim=1)
        torch.testing.assert_close(norms, torch.full((3,), 0.3))


def test_a_model_trains_on_it_with_one_pass():
    model, passes = make_model(), []
    model.encoder.register_forward_hook(lambda *_: passes.append(1))
    loss, _, _ = NoiseTraining(radius=0.01)(model, make_named_batch(), FIRST)
    loss.backward()
    assert len(passes) == 1
    assert all(p.grad is not None for p in model.parameters())
