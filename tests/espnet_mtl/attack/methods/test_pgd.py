from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from toy_problem import make_problem
from toy_victim import ToyVictim

from espnet_mtl.attack.methods.pgd import PGD
from espnet_mtl.errors import UserError

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


@settings(max_examples=60, deadline=None)
@given(
    lengths=st.lists(st.integers(400, 900), min_size=1, max_size=3),
    norm=st.sampled_from(["linf", "l2"]),
    budget=st.floats(1e-5, 1.5),
    peak=st.sampled_from([0.0, 1e-4, 0.5, 1.0]),
    random_start=st.booleans(),
    steps=st.integers(1, 4),
)
def test_a_perturbation_stays_in_its_budget_in_range_and_in_the_audio(
    lengths, norm, budget, peak, random_start, steps
):
    problem = make_problem(lengths, norm, budget, peak=peak)
    attacked = PGD(steps=steps, random_start=random_start)(problem)
    clean = problem.ball.clean
    assert (problem.ball.size(attacked.delta) <= budget * (1 + 1e-5)).all()
    assert (clean + attacked.delta).abs().max() <= 1.0 + 1e-6
    for row, length in enumerate(lengths):
        assert not attacked.delta[row, length:].any()


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


def test_a_loss_that_is_no_number_spoils_neither_itself_nor_its_mates():
    problem = make_problem([800, 800], budget=0.01)

    def half_broken(speech):
        values = problem.loss(speech)
        return torch.stack([values[0], (speech[1] * torch.nan).sum()])

    attacked = PGD(steps=5)(with_loss(problem, half_broken))
    alone = PGD(steps=5)(problem.rows(torch.tensor([0])))
    torch.testing.assert_close(attacked.delta[0], alone.delta[0])
    assert not attacked.delta[1].any()


def test_a_victim_that_hides_its_gradient_does_not_stop_the_attack():
    problem = make_problem()
    hidden = with_loss(problem, lambda speech: problem.loss(speech.detach()))
    attacked = PGD(steps=2)(hidden)
    assert attacked.delta.isfinite().all() and attacked.loss_end.isfinite().all()


def test_more_budget_and_more_steps_attack_better():
    def loss(budget, steps):
        problem = make_problem(budget=budget, victim=ToyVictim())
        return PGD(steps=steps)(problem).loss_end.sum().item()

    assert loss(0.02, 20) < loss(0.01, 20) < loss(0.005, 20)
    assert loss(0.01, 40) <= loss(0.01, 5)


def test_an_utterance_is_attacked_the_same_alone_and_in_a_batch():
    """The toy victim masks its padding, so here nothing at all may differ."""
    problem = make_problem([800, 640, 480], budget=0.01, victim=ToyVictim())
    together = PGD(steps=20)(problem)
    for row in range(3):
        alone = PGD(steps=20)(problem.rows(torch.tensor([row])))
        torch.testing.assert_close(alone.delta[0], together.delta[row])


@pytest.mark.parametrize(
    "options, message",
    [
        ({"steps": 0}, "steps: 0: give a number above 0"),
        ({"step_size": 0.0}, "step_size: 0.0: give a number above 0"),
        ({"momentum": 1.0}, "momentum: 1.0: give a number from 0 to below 1"),
        ({"restarts": 2, "random_start": False}, "without random_start"),
    ],
)
def test_senseless_settings_are_refused(options, message):
    with pytest.raises(UserError, match=message):
        PGD(**options)
