from dataclasses import replace

import pytest
import torch
from toy_problem import make_problem
from toy_victim import ToyVictim

from espnet_mtl.attack.methods.fgsm import FGSM
from espnet_mtl.attack.methods.pgd import PGD
from espnet_mtl.attack.problem import loss_and_gradient

SLOPE = torch.randn(2, 800, generator=torch.Generator().manual_seed(1))


def with_linear_loss(problem):
    """Small far away in the direction of -SLOPE."""
    return replace(problem, loss=lambda speech: (SLOPE * speech).sum(dim=1))


class Counted:
    """A loss, and how often it was asked for."""

    def __init__(self, loss):
        self.loss = loss
        self.count = 0

    def __call__(self, speech):
        self.count += 1
        return self.loss(speech)


def test_the_step_is_the_whole_budget_against_the_gradients_sign():
    problem = make_problem(budget=0.01, victim=ToyVictim())
    clean = problem.ball.clean
    speech = clean.clone().requires_grad_(True)
    (gradient,) = torch.autograd.grad(problem.loss(speech).sum(), speech)
    attacked = FGSM()(problem)
    torch.testing.assert_close(attacked.delta, -0.01 * gradient.sign())
    torch.testing.assert_close(problem.loss(clean), attacked.loss_start)
    torch.testing.assert_close(problem.loss(clean + attacked.delta), attacked.loss_end)
    assert (attacked.loss_end < attacked.loss_start).all()


@pytest.mark.parametrize("norm, budget", [("linf", 0.01), ("l2", 0.3), ("snr", 20.0)])
def test_a_linear_loss_is_brought_to_its_exact_minimum(norm, budget):
    problem = with_linear_loss(make_problem([800, 640], norm, budget))
    attacked = FGSM()(problem)
    for row, length in enumerate([800, 640]):
        own = SLOPE[row, :length]
        optimum = -own.sign() if norm == "linf" else -own / own.norm()
        torch.testing.assert_close(
            attacked.delta[row, :length], problem.ball.radius[row] * optimum
        )


def test_a_random_start_is_followed_by_a_step_of_one_and_a_quarter():
    problem = with_linear_loss(make_problem([800, 640], budget=0.01))
    start = problem.ball.random(problem.seeds_for("start", 0))
    expected = (start - 0.0125 * SLOPE.sign()).clamp(-0.01, 0.01) * problem.ball.mask
    attacked = FGSM(random_start=True)(problem)
    torch.testing.assert_close(attacked.delta, expected)
    # Some samples started too far away for the step to reach the other side.
    assert (attacked.delta.abs() < 0.0099)[problem.ball.mask.bool()].any()


def test_the_gradient_is_taken_at_the_random_start():
    problem = make_problem([800], budget=0.05, victim=ToyVictim())
    start = problem.ball.random(problem.seeds_for("start", 0))
    _, gradient = loss_and_gradient(problem, start)
    expected = (start - 0.0625 * gradient.sign()).clamp(-0.05, 0.05)
    torch.testing.assert_close(FGSM(random_start=True)(problem).delta, expected)


def test_an_utterance_that_a_step_makes_worse_stays_clean():
    """The second loss rises on either side of the clean audio."""
    problem = make_problem([800, 800], budget=0.01)
    clean = problem.ball.clean

    def loss(speech):
        towards = (SLOPE[0] * speech[0]).sum()
        away = (speech[1] - clean[1] + 1e-3).abs().sum()
        return torch.stack([towards, away])

    attacked = FGSM()(replace(problem, loss=loss))
    assert attacked.delta[0].any() and not attacked.delta[1].any()
    assert attacked.loss_end[1] == attacked.loss_start[1]


def test_it_is_weaker_than_many_steps_and_asks_three_times():
    problem = make_problem(budget=0.02, victim=ToyVictim())
    counted = Counted(problem.loss)
    single = FGSM()(replace(problem, loss=counted))
    assert counted.count == 3
    assert (single.loss_end > PGD(steps=20)(problem).loss_end).all()


def test_without_gradient_or_with_a_loss_that_is_no_number_the_audio_stays_clean():
    problem = make_problem([800, 640], budget=0.01)
    hidden = replace(problem, loss=lambda speech: problem.loss(speech.detach()))
    broken = replace(problem, loss=lambda speech: (speech * torch.nan).sum(dim=1))
    for one in (hidden, broken):
        assert not FGSM()(one).delta.any()
