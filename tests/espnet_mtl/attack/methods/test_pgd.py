from dataclasses import replace

import pytest
import torch
from toy_problem import make_problem
from toy_victim import ToyVictim

from espnet_mtl.attack.methods.pgd import PGD

ALL = ToyVictim().weights


class Watched:
    """A loss, and all that was asked of it."""

    def __init__(self, loss):
        self.loss = loss
        self.speech = []
        self.values = []

    def __call__(self, speech):
        values = self.loss(speech)
        self.speech.append(speech.detach())
        self.values.append(values.detach())
        return values


def with_loss(problem, loss):
    return replace(problem, loss=loss)


def test_the_loss_falls_and_is_that_of_the_perturbation_returned():
    problem = make_problem(budget=0.01, victim=ToyVictim())
    attacked = PGD(steps=20)(problem)
    clean = problem.ball.clean
    torch.testing.assert_close(problem.loss(clean), attacked.loss_start)
    torch.testing.assert_close(problem.loss(clean + attacked.delta), attacked.loss_end)
    assert (attacked.loss_end < 0.9 * attacked.loss_start).all()


@pytest.mark.parametrize("norm, budget", [("linf", 0.01), ("l2", 0.3)])
def test_a_linear_loss_is_brought_to_its_exact_minimum(norm, budget):
    problem = make_problem([800, 640], norm, budget)
    slope = torch.randn(2, 800, generator=torch.Generator().manual_seed(1))
    problem = with_loss(problem, lambda speech: (slope * speech).sum(dim=1))
    attacked = PGD(steps=100, momentum=0.0)(problem)
    for row, length in enumerate([800, 640]):
        own = slope[row, :length]
        optimum = -own.sign() if norm == "linf" else -own / own.norm()
        torch.testing.assert_close(
            attacked.delta[row, :length], budget * optimum, atol=1e-4, rtol=1e-2
        )


def test_a_plain_sum_is_a_loss_as_well():
    problem = with_loss(make_problem(budget=0.01), lambda speech: speech.sum(dim=1))
    attacked = PGD(steps=20)(problem)  # its gradient is one number, shown many times
    assert (attacked.loss_end < attacked.loss_start).all()


def test_momentum_adds_up_scaled_gradients():
    """Against the update written out by hand, far from any bound."""
    problem = make_problem([800], budget=0.01, victim=ToyVictim())
    clean, loss = problem.ball.clean, problem.loss
    watched = Watched(loss)
    PGD(steps=4, step_size=0.1, momentum=0.5, random_start=False)(
        with_loss(problem, watched)
    )
    delta, direction = torch.zeros_like(clean), torch.zeros_like(clean)
    for step in range(4):
        delta.requires_grad_(True)
        (gradient,) = torch.autograd.grad(loss(clean + delta).sum(), delta)
        direction = 0.5 * direction + gradient / gradient.abs().sum()
        delta = delta.detach() - 0.01 * 0.1 * (1 - step / 4) * direction.sign()
        torch.testing.assert_close(watched.speech[step + 2] - clean, delta)


def test_each_utterance_keeps_its_best_iterate_of_all_restarts():
    """With a first step far too long, the best is seen early and must be kept."""
    problem = make_problem([800, 640])
    watched = Watched(problem.loss)
    attacked = PGD(steps=7, step_size=2.0, restarts=2)(with_loss(problem, watched))
    assert len(watched.values) == 1 + 2 * 8
    best = torch.stack(watched.values).min(dim=0).values
    torch.testing.assert_close(attacked.loss_end, best)
    # Restarts begin at other points.
    assert not torch.equal(watched.speech[1], watched.speech[9])


def test_an_attack_that_only_makes_things_worse_returns_the_clean_audio():
    problem = make_problem([800], budget=0.01)
    clean = problem.ball.clean
    away = with_loss(problem, lambda speech: (speech - clean).abs().sum(dim=1))
    attacked = PGD(steps=3)(away)
    assert not attacked.delta.any()
    assert attacked.loss_end.item() == 0.0


def test_more_budget_and_more_steps_attack_better():
    def loss(budget, steps):
        problem = make_problem(budget=budget, victim=ToyVictim())
        return PGD(steps=steps)(problem).loss_end.sum().item()

    assert loss(0.02, 20) < loss(0.01, 20) < loss(0.005, 20)
    assert loss(0.01, 40) <= loss(0.01, 5)
