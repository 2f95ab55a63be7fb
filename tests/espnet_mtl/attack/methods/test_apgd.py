import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from toy_problem import make_problem
from toy_victim import ToyVictim

from espnet_mtl.attack.methods.apgd import APGD, _checkpoints
from espnet_mtl.attack.methods.pgd import PGD

# The paper's list for 100 iterations: p = 0.22, then periods of 0.19, 0.16, ..., 0.06
CHECKPOINTS_OF_100 = [22, 41, 57, 70, 80, 87, 93, 99]


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


class Scripted:
    """A loss whose values and gradients are set beforehand, whatever it is asked.

    Args:
        values: One row a call, (Calls, Batch).
        slopes: (Calls, Batch, Samples).
    """

    def __init__(self, values, slopes):
        self.values = torch.tensor(values, dtype=torch.float32)
        self.slopes = torch.tensor(slopes, dtype=torch.float32)
        self.speech = []

    def __call__(self, speech):
        call = len(self.speech)
        self.speech.append(speech.detach())
        nothing = speech - speech.detach()
        return self.values[call] + (self.slopes[call] * nothing).sum(dim=1)


def algorithm_1(start, radius, norm, values, slopes, steps, accumulate):
    """The paper's algorithm in the paper's order, for one utterance.

    Returns the points it evaluates, x(0) to x(steps), of which ``values`` and
    ``slopes`` tell the loss and its gradient.
    """
    wanted, last, place = [0], 0.0, 0.22
    while place < 1.0 + 1e-9:
        wanted.append(math.ceil(place * steps - 1e-9))
        last, place = place, place + max(place - last - 0.03, 0.06)

    def project(delta):
        if norm == "linf":
            return np.clip(delta, -radius, radius)
        return delta * min(1.0, radius / max(np.linalg.norm(delta), 1e-300))

    def direction(gradient):
        if norm == "linf":
            return np.sign(gradient)
        return gradient / np.linalg.norm(gradient)

    total = np.zeros_like(start)
    loss, lowest, size, checkpoint = None, math.inf, 2.0 * radius, 0
    here = before = best = start
    best_total = total
    size_then, lowest_then = None, None
    improved = [None]
    points = [start]
    for k in range(steps):
        new = slopes[k] / np.abs(slopes[k]).sum()
        total = 0.75 * total + new if accumulate else new
        if k > 0:
            improved.append(values[k] < loss)
        loss = values[k]
        if loss < lowest:
            lowest, best, best_total = loss, here, total
        if k == 0:
            size_then, lowest_then = size, lowest
        if k > 0 and k in wanted:
            few = sum(improved[checkpoint + 1 : k + 1]) < 0.75 * (k - checkpoint)
            same = size == size_then and lowest == lowest_then
            size_then, lowest_then, checkpoint = size, lowest, k
            if few or same:
                size /= 2.0
                here = before = best
                loss, total = lowest, best_total
        target = project(here - size * direction(total))
        if k > 0:
            target = project(here + 0.75 * (target - here) + 0.25 * (here - before))
        before, here = here, target
        points.append(here)
    return points


def assert_follows(problem, scripted, row, restart, steps, accumulate):
    """Compare the points that one utterance's run has asked for."""
    ball, length = problem.ball, int(problem.ball.lengths[row])
    first = 1 + restart * (steps + 1)  # the clean audio comes before
    calls = slice(first, first + steps + 1)
    start = ball.random(problem.seeds_for("start", restart))
    expected = algorithm_1(
        start[row, :length].double().numpy(),
        float(ball.radius[row]),
        ball.norm,
        scripted.values[calls, row].double().numpy(),
        scripted.slopes[calls, row, :length].double().numpy(),
        steps,
        accumulate,
    )
    found = [(speech - ball.clean)[row, :length] for speech in scripted.speech[calls]]
    assert len(found) == len(expected)
    for mine, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(mine.numpy(), theirs, atol=3e-7)


@settings(max_examples=150, deadline=None)
@given(
    norm=st.sampled_from(["linf", "l2"]),
    accumulate=st.booleans(),
    steps=st.integers(1, 12),
    levels=st.integers(1, 12),
    trend=st.integers(-2, 2),
    seed=st.integers(0, 10**6),
)
def test_every_point_is_that_of_the_algorithm_for_each_utterance_alone(
    norm, accumulate, steps, levels, trend, seed
):
    """With losses drawn at random: ties, and every way to be stuck or not."""
    lengths = [12, 12, 7]
    problem = make_problem(lengths, norm, 0.01)
    rng = np.random.default_rng(seed)
    calls = steps + 2  # the clean audio comes first
    values = rng.integers(0, levels, (calls, 3)) + trend * np.arange(calls)[:, None]
    slopes = rng.choice([-1.0, 1.0], (calls, 3, 12)) * problem.ball.mask.numpy()
    scripted = Scripted(values, slopes)
    APGD(steps, accumulate=accumulate)(replace(problem, loss=scripted))
    assert len(scripted.speech) == calls
    for row in range(3):
        assert_follows(problem, scripted, row, 0, steps, accumulate)


@pytest.mark.parametrize(
    "losses",
    [
        # 3 of 4 steps improve, which is enough; then 4 of 4, but not the best: halve.
        [10, 9, 8, 1, 20, 19, 18, 17, 16],
        # Too few improve: halve. Then 3 of 4, and not the best; but the step is new.
        [10, 11, 12, 1, 20, 30, 29, 28, 27],
    ],
)
def test_steps_are_halved_where_many_improve_but_not_the_best(losses):
    problem = make_problem([12], budget=0.01)
    steps = 18
    assert sorted(_checkpoints(steps))[:2] == [4, 8]
    values = np.array([[0], *([loss] for loss in losses), *([[5]] * 10)])
    rng = np.random.default_rng(0)
    scripted = Scripted(values, rng.choice([-1.0, 1.0], (20, 1, 12)))
    APGD(steps, accumulate=False)(replace(problem, loss=scripted))
    assert_follows(problem, scripted, 0, 0, steps, False)


def test_checkpoints_are_those_of_the_paper():
    assert sorted(_checkpoints(100)) == CHECKPOINTS_OF_100
    assert sorted(_checkpoints(1000)) == [10 * n for n in CHECKPOINTS_OF_100]
    assert sorted(_checkpoints(50)) == [11, 21, 29, 35, 40, 44, 47, 50]
    for steps in range(1, 20):
        assert all(1 <= step <= steps for step in _checkpoints(steps))


@settings(max_examples=60, deadline=None)
@given(
    lengths=st.lists(st.integers(400, 900), min_size=1, max_size=3),
    norm=st.sampled_from(["linf", "l2"]),
    budget=st.one_of(st.just(0.0), st.floats(1e-5, 1.5)),
    peak=st.sampled_from([0.0, 1e-4, 0.5, 1.0]),
    accumulate=st.booleans(),
    steps=st.integers(1, 6),
)
def test_a_perturbation_stays_in_its_budget_in_range_and_in_the_audio(
    lengths, norm, budget, peak, accumulate, steps
):
    problem = make_problem(lengths, norm, budget, peak=peak)
    watched = Watched(problem.loss)
    attack = APGD(steps, accumulate=accumulate)
    attacked = attack(replace(problem, loss=watched))
    clean = problem.ball.clean
    # What it tries on the way, too
    for delta in [attacked.delta, *(speech - clean for speech in watched.speech)]:
        assert (problem.ball.size(delta) <= budget * (1 + 1e-5) + 1e-6).all()
        assert (clean + delta).abs().max() <= 1.0 + 1e-6
        for row, length in enumerate(lengths):
            assert not delta[row, length:].any()
    assert attacked.loss_end.isfinite().all()


def test_silence_in_an_snr_ball_stays_silent():
    problem = make_problem([800, 640], "snr", 20.0)
    problem.ball.clean[0] = 0.0
    silent = problem.with_ball(problem.ball.with_radius(torch.tensor([0.0, 0.5])))
    attacked = APGD(5)(silent)
    assert not attacked.delta[0].any() and attacked.delta[1].any()
    assert attacked.delta.isfinite().all()


@pytest.mark.parametrize("accumulate", [False, True])
def test_the_loss_falls_and_is_that_of_the_perturbation_returned(accumulate):
    problem = make_problem(budget=0.01, victim=ToyVictim())
    attacked = APGD(30, accumulate=accumulate)(problem)
    clean = problem.ball.clean
    torch.testing.assert_close(problem.loss(clean), attacked.loss_start)
    torch.testing.assert_close(problem.loss(clean + attacked.delta), attacked.loss_end)
    assert (attacked.loss_end < 0.9 * attacked.loss_start).all()


@pytest.mark.parametrize("norm, budget", [("linf", 0.2), ("l2", 1.5)])
def test_it_reaches_the_targets_that_pgd_reaches(norm, budget):
    problem = make_problem(norm=norm, budget=budget)
    for attack in (PGD(steps=50), APGD(50), APGD(50, accumulate=False)):
        delta = attack(problem).delta
        assert not problem.judge.cost(problem.judge.hear(delta)).any(), attack


@pytest.mark.parametrize("accumulate", [False, True])
@pytest.mark.parametrize("norm, budget", [("linf", 0.01), ("l2", 0.3)])
def test_a_linear_loss_is_brought_to_its_exact_minimum(norm, budget, accumulate):
    problem = make_problem([800, 640], norm, budget)
    slope = torch.randn(2, 800, generator=torch.Generator().manual_seed(1))
    linear = replace(problem, loss=lambda speech: (slope * speech).sum(dim=1))
    attacked = APGD(100, accumulate=accumulate)(linear)
    for row, length in enumerate([800, 640]):
        own = slope[row, :length]
        optimum = -own.sign() if norm == "linf" else -own / own.norm()
        torch.testing.assert_close(
            attacked.delta[row, :length], budget * optimum, atol=1e-4, rtol=1e-2
        )


@pytest.mark.parametrize("accumulate", [False, True])
@pytest.mark.parametrize("norm, budget", [("linf", 0.01), ("l2", 0.3)])
def test_steps_shrink_until_they_fit_into_a_minimum_inside_the_ball(
    norm, budget, accumulate
):
    """Steps that stay as long as the radius would walk around it for ever."""
    problem = make_problem([800, 640], norm, budget)
    ball = problem.ball
    aim = ball.random([1, 2]) * 0.3

    def distance(speech):
        return ball.size(speech - ball.clean - aim)

    euclidean = replace(
        problem, loss=lambda speech: (speech - ball.clean - aim).norm(dim=1)
    )
    attacked = APGD(300, accumulate=accumulate)(euclidean)
    assert (distance(ball.clean + attacked.delta) < 0.03 * budget).all()


def test_each_utterance_keeps_its_best_of_all_steps_and_restarts():
    problem = make_problem([800, 640], budget=0.02)
    watched = Watched(problem.loss)
    attacked = APGD(7, restarts=3)(replace(problem, loss=watched))
    assert len(watched.values) == 1 + 3 * 8
    best = torch.stack(watched.values).min(dim=0).values
    torch.testing.assert_close(attacked.loss_end, best)
    # Restarts begin at other points.
    starts = [watched.speech[n] for n in (1, 9, 17)]
    assert not torch.equal(starts[0], starts[1])
    assert not torch.equal(starts[1], starts[2])
    single = APGD(7)(problem)
    assert (attacked.loss_end <= single.loss_end).all()


def test_a_run_does_not_go_back_to_the_clean_audio_nor_to_another_run():
    """All points are worse than the clean audio: the best is still one of the run's."""
    problem = make_problem([12], budget=0.01)
    rng = np.random.default_rng(0)
    values = 10.0 + rng.random((30, 1))
    values[0] = 0.0
    scripted = Scripted(values, rng.choice([-1.0, 1.0], (30, 1, 12)))
    attacked = APGD(12, restarts=2)(replace(problem, loss=scripted))
    assert not attacked.delta.any() and attacked.loss_end.item() == 0.0
    assert_follows(problem, scripted, 0, 1, 12, True)


def test_an_attack_that_only_makes_things_worse_returns_the_clean_audio():
    problem = make_problem([800], budget=0.01)
    clean = problem.ball.clean
    away = replace(problem, loss=lambda speech: (speech - clean).abs().sum(dim=1))
    attacked = APGD(3)(away)
    assert not attacked.delta.any()
    assert attacked.loss_end.item() == 0.0


def test_a_loss_that_is_no_number_for_a_while_does_not_end_the_search():
    problem = make_problem([800, 640], budget=0.01, victim=ToyVictim())
    calls = []

    def flickering(speech):
        calls.append(speech)
        values = problem.loss(speech)
        return values * torch.nan if len(calls) in (2, 3, 9) else values

    attacked = APGD(30)(replace(problem, loss=flickering))
    assert (attacked.loss_end < 0.9 * attacked.loss_start).all()


def test_more_budget_and_more_steps_attack_better():
    def loss(budget, steps):
        problem = make_problem(budget=budget, victim=ToyVictim())
        return APGD(steps)(problem).loss_end.sum().item()

    assert loss(0.02, 30) < loss(0.01, 30) < loss(0.005, 30)
    assert loss(0.01, 60) <= loss(0.01, 5)
