import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from toy_victim import ToyVictim

from espnet_mtl.attack.budget import LinfBudget
from espnet_mtl.attack.noise import random_sign
from espnet_mtl.attack.objective import TargetedLoss
from espnet_mtl.attack.pgd import pgd
from espnet_mtl.attack.quantise import FULL_SCALE, quantise

TEXTS = [[1, 2, 3], [4], [5, 6]]


def make_batch(lengths, peak=0.5, seed=0):
    generator = torch.Generator().manual_seed(seed)
    clean = (
        torch.rand(len(lengths), max(lengths), generator=generator) * 2 * peak - peak
    )
    for row, length in enumerate(lengths):
        clean[row, length:] = 0.0
    return clean, torch.tensor(lengths)


def make_loss(victim, lengths, weights=None):
    texts = [TEXTS[row % len(TEXTS)] for row in range(len(lengths))]
    accents = [row % 2 for row in range(len(lengths))]
    return TargetedLoss(victim, weights or victim.weights, lengths, texts, accents)


def attack(victim, clean, lengths, epsilon=0.01, steps=20, **options):
    return pgd(
        make_loss(victim, lengths),
        clean,
        lengths,
        LinfBudget(epsilon),
        steps=steps,
        step_size=0.25,
        **options,
    )


@settings(max_examples=60, deadline=None)
@given(
    lengths=st.lists(st.integers(400, 900), min_size=1, max_size=3),
    epsilon=st.floats(1e-5, 1.5),
    peak=st.sampled_from([0.0, 1e-4, 0.5, 1.0]),
    seeds=st.none() | st.integers(0, 2**62),
    steps=st.integers(1, 4),
)
def test_a_perturbation_stays_in_its_budget_in_range_and_in_the_audio(
    lengths, epsilon, peak, seeds, steps
):
    clean, lengths_tensor = make_batch(lengths, peak)
    starts = None if seeds is None else [seeds + row for row in range(len(lengths))]
    attacked = attack(
        ToyVictim(), clean, lengths_tensor, epsilon, steps=steps, seeds=starts
    )
    noise = random_sign(
        clean, lengths_tensor, LinfBudget(epsilon), starts or [0] * len(lengths)
    )
    for delta in (attacked.delta, noise):
        assert delta.abs().max() <= epsilon * (1 + 1e-6)
        assert (clean + delta).abs().max() <= 1.0 + 1e-6
        for row, length in enumerate(lengths):
            assert not delta[row, length:].any()
            saved = quantise(
                clean[row, :length].numpy(),
                (clean + delta)[row, :length].numpy(),
                epsilon,
            )
            on_grid = np.rint(clean[row, :length].numpy() * FULL_SCALE)
            # The clean audio is between two levels here; a file of it would not be.
            change = np.abs(
                saved - clean[row, :length].numpy().astype(float) * FULL_SCALE
            )
            allowed = max(epsilon * FULL_SCALE, 0.5) + 1e-3
            edge = np.abs(on_grid) >= FULL_SCALE - 1
            assert (change[~edge] <= allowed).all()
            assert saved.dtype == np.int16


@settings(max_examples=100, deadline=None)
@given(
    clean=st.lists(st.integers(-32768, 32767), min_size=1, max_size=50),
    epsilon=st.floats(0.0, 0.1),
    seed=st.integers(0, 1000),
)
def test_sixteen_bit_audio_stays_within_the_budget_exactly(clean, epsilon, seed):
    levels = np.array(clean)
    audio = (levels / FULL_SCALE).astype(np.float32)
    wish = audio + np.random.default_rng(seed).uniform(-1, 1, len(levels)) * epsilon
    saved = quantise(audio, wish, epsilon).astype(int)
    assert np.abs(saved - levels).max() <= epsilon * FULL_SCALE + 1e-6


def test_the_loss_falls_and_is_that_of_the_perturbation_returned():
    victim = ToyVictim()
    clean, lengths = make_batch([800, 640, 480])
    attacked = attack(victim, clean, lengths, seeds=[1, 2, 3])
    loss = make_loss(victim, lengths)
    torch.testing.assert_close(loss(clean), attacked.loss_start)
    torch.testing.assert_close(loss(clean + attacked.delta), attacked.loss_end)
    assert (attacked.loss_end < 0.9 * attacked.loss_start).all()


def test_a_linear_loss_is_brought_to_its_exact_minimum():
    clean, lengths = make_batch([800, 640])
    slope = torch.randn(2, 800, generator=torch.Generator().manual_seed(1))
    attacked = pgd(
        lambda speech: (slope * speech).sum(dim=1),
        clean,
        lengths,
        LinfBudget(0.01),
        steps=20,
        step_size=0.25,
        seeds=[1, 2],
    )
    for row, length in enumerate(lengths.tolist()):
        optimum = -0.01 * slope[row, :length].sign()
        torch.testing.assert_close(attacked.delta[row, :length], optimum)


def test_momentum_adds_up_scaled_gradients():
    """Against the update written out by hand, far from any bound."""
    clean, lengths = make_batch([800])
    loss = make_loss(ToyVictim(), lengths)
    seen = []

    def watched(speech):
        seen.append(speech.detach() - clean)
        return loss(speech)

    options = {"steps": 4, "step_size": 0.1, "momentum": 0.5}
    pgd(watched, clean, lengths, LinfBudget(0.01), **options)
    delta, direction = torch.zeros_like(clean), torch.zeros_like(clean)
    for step in range(4):
        delta.requires_grad_(True)
        (gradient,) = torch.autograd.grad(loss(clean + delta).sum(), delta)
        direction = 0.5 * direction + gradient / gradient.abs().sum()
        delta = delta.detach() - 0.01 * 0.1 * (1 - step / 4) * direction.sign()
        torch.testing.assert_close(seen[step + 2], delta)


def test_each_utterance_keeps_its_best_iterate():
    """With a first step far too long, the best is seen early and must be kept."""
    victim = ToyVictim()
    clean, lengths = make_batch([800, 640])
    seen = []
    loss = make_loss(victim, lengths)

    def watched(speech):
        values = loss(speech)
        seen.append(values.detach())
        return values

    attacked = pgd(
        watched, clean, lengths, LinfBudget(0.05), steps=7, step_size=2.0, seeds=[1, 2]
    )
    torch.testing.assert_close(attacked.loss_end, torch.stack(seen).min(dim=0).values)


def test_an_attack_that_only_makes_things_worse_returns_the_clean_audio():
    clean, lengths = make_batch([800])
    attacked = pgd(
        lambda speech: (speech - clean).abs().sum(dim=1),
        clean,
        lengths,
        LinfBudget(0.01),
        steps=3,
        step_size=0.25,
        seeds=[1],
    )
    assert not attacked.delta.any()
    assert attacked.loss_end.item() == 0.0


def test_a_loss_that_is_no_number_spoils_neither_itself_nor_its_mates():
    victim = ToyVictim()
    clean, lengths = make_batch([800, 800])
    good = make_loss(victim, lengths)

    def half_broken(speech):
        values = good(speech)
        return torch.stack([values[0], (speech[1] * torch.nan).sum()])

    attacked = pgd(
        half_broken, clean, lengths, LinfBudget(0.01), steps=5, step_size=0.25
    )
    alone = attack(victim, clean[:1], lengths[:1], steps=5)
    torch.testing.assert_close(attacked.delta[0], alone.delta[0])
    assert not attacked.delta[1].any()


def test_more_budget_and_more_steps_attack_better():
    clean, lengths = make_batch([800, 640, 480])

    def loss(epsilon, steps):
        return attack(ToyVictim(), clean, lengths, epsilon, steps).loss_end.sum().item()

    assert loss(0.02, 20) < loss(0.01, 20) < loss(0.005, 20)
    assert loss(0.01, 40) <= loss(0.01, 5)


def test_an_utterance_is_attacked_the_same_alone_and_in_a_batch():
    """The toy victim masks its padding, so here nothing at all may differ."""
    victim = ToyVictim()
    clean, lengths = make_batch([800, 640, 480])
    together = attack(victim, clean, lengths, seeds=[1, 2, 3])
    for row, length in enumerate(lengths.tolist()):
        loss = TargetedLoss(
            victim, victim.weights, lengths[row : row + 1], [TEXTS[row]], [row % 2]
        )
        alone = pgd(
            loss,
            clean[row : row + 1, :length],
            lengths[row : row + 1],
            LinfBudget(0.01),
            steps=20,
            step_size=0.25,
            seeds=[row + 1],
        )
        torch.testing.assert_close(alone.delta[0], together.delta[row, :length])


def test_noise_uses_the_whole_budget_and_depends_on_the_seed_alone():
    clean, lengths = make_batch([800, 640])
    noise = random_sign(clean, lengths, LinfBudget(0.01), [1, 2])
    assert noise[0].abs().min().item() == pytest.approx(0.01)
    assert noise[0].abs().max().item() == pytest.approx(0.01)
    assert 300 < (noise[0] > 0).sum() < 500
    again = random_sign(clean[1:], lengths[1:], LinfBudget(0.01), [2])
    assert torch.equal(again[0], noise[1])
    other = random_sign(clean, lengths, LinfBudget(0.01), [3, 2])
    assert not torch.equal(other[0], noise[0])


def test_an_attacker_pays_only_for_the_branches_it_attacks():
    clean, lengths = make_batch([800])
    victim = ToyVictim()
    parts = victim.losses(clean, lengths, [TEXTS[0]], [0], ("ctc", "att", "accent"))
    loss = TargetedLoss(victim, {"ctc": 2.0, "accent": 0.5}, lengths, [TEXTS[0]], [0])
    expected = 2.0 * parts["ctc"] + 0.5 * parts["accent"]
    torch.testing.assert_close(loss(clean), expected)
