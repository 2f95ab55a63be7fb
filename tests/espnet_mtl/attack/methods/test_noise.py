from dataclasses import replace

import pytest
import torch
from toy_problem import make_problem

from espnet_mtl.attack.methods.noise import Gaussian, RandomSign
from espnet_mtl.attack.methods.pgd import PGD

NOISES = (RandomSign, Gaussian)
BALLS = (("linf", 0.05), ("l2", 0.5), ("snr", 20.0))


def test_random_signs_change_every_sample_as_far_as_ball_and_range_allow():
    problem = make_problem(peak=1.0, budget=0.05)
    ball, delta = problem.ball, RandomSign()(problem).delta
    at_bound = (delta == ball.lowest) | (delta == ball.highest)
    assert at_bound.all()
    assert 0.4 < (delta[0] > 0).float().mean() < 0.6
    # Loud samples are not always turned down: up is the box's bound, not a refusal.
    assert (ball.highest < 0.05).any()
    assert (delta == ball.highest)[(ball.highest < 0.05) & (ball.mask > 0)].any()


@pytest.mark.parametrize("ball", [("l2", 0.5), ("snr", 20.0)])
@pytest.mark.parametrize("noise", NOISES)
def test_in_an_l2_ball_noise_is_on_the_sphere(noise, ball):
    problem = make_problem(norm=ball[0], budget=ball[1])
    size = problem.ball.size(noise()(problem).delta)
    torch.testing.assert_close(size, problem.ball.radius)


def test_gaussian_noise_in_a_box_has_a_third_of_the_radius_as_deviation():
    delta = Gaussian()(make_problem((9000,), budget=0.03)).delta
    assert delta.std().item() == pytest.approx(0.01, rel=0.05)
    assert delta.mean().item() == pytest.approx(0.0, abs=0.001)
    assert delta.abs().max().item() == pytest.approx(0.03)


@pytest.mark.parametrize("noise", NOISES)
def test_noise_depends_on_the_utterances_own_seed_alone(noise):
    problem = make_problem()
    together = noise()(problem).delta
    alone = noise()(problem.rows(torch.tensor([1]))).delta
    assert torch.equal(alone[0], together[1])
    other = noise()(replace(problem, seeds=[1, *problem.seeds[1:]])).delta
    assert torch.equal(other[1], together[1])
    assert not torch.equal(other[0], together[0])


@pytest.mark.parametrize("noise", NOISES)
def test_one_draw_looks_at_no_loss(noise):
    problem = make_problem()
    attacked = noise()(problem)
    assert problem.loss.victim.num_calls == 0
    assert attacked.loss_start.isnan().all() and attacked.loss_end.isnan().all()


@pytest.mark.parametrize("noise", NOISES)
def test_the_best_of_many_draws_is_kept_and_does_not_beat_an_attack(noise):
    problem = make_problem(budget=0.02)
    few, many = noise(2)(problem), noise(30)(problem)
    assert (many.loss_end <= few.loss_end).all()
    assert (many.loss_end < few.loss_end).any()
    heard = problem.loss(problem.ball.clean + many.delta)
    torch.testing.assert_close(many.loss_end, heard)
    assert (PGD(steps=50)(problem).loss_end < many.loss_end).all()


def test_of_many_draws_noise_comes_out_even_if_all_are_worse_than_nothing():
    problem = make_problem()
    clean = problem.ball.clean
    away = replace(problem, loss=lambda speech: (speech - clean).abs().sum(1))
    assert RandomSign(3)(away).delta[0].abs().min() > 0.04
    broken = replace(problem, loss=lambda speech: speech.sum(1) * torch.nan)
    assert torch.equal(RandomSign(3)(broken).delta, RandomSign()(problem).delta)
