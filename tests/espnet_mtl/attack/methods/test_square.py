from dataclasses import replace

import pytest
import torch
from toy_problem import make_problem

from espnet_mtl.attack.methods.noise import RandomSign
from espnet_mtl.attack.methods.pgd import PGD
from espnet_mtl.attack.methods.square import SquareAttack, Stretches

BALLS = [("linf", 0.02), ("linf", 0.1), ("l2", 0.5), ("l2", 1.5), ("snr", 20.0)]


@pytest.mark.parametrize("ball", BALLS)
def test_it_beats_as_many_draws_of_noise_and_not_pgd(ball):
    problem = make_problem(norm=ball[0], budget=ball[1])
    found = SquareAttack(queries=200)(problem)
    assert (found.loss_end < RandomSign(draws=200)(problem).loss_end).all()
    assert (found.loss_end < found.loss_start).all()
    assert (PGD()(problem).loss_end < found.loss_end).all()
    heard = problem.loss(problem.ball.clean + found.delta)
    torch.testing.assert_close(found.loss_end, heard)


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_a_linear_loss_is_nearly_brought_to_its_minimum(norm):
    problem = make_problem((200,), norm, 0.1)
    slope = torch.randn(1, 200, generator=torch.Generator().manual_seed(1))
    clean = problem.ball.clean
    linear = replace(problem, loss=lambda speech: ((speech - clean) * slope).sum(1))
    order = 1 if norm == "linf" else 2
    lowest = -0.1 * torch.linalg.vector_norm(slope, order)
    assert SquareAttack(3000)(linear).loss_end < 0.93 * lowest


def test_more_queries_find_more_and_are_counted():
    problem = make_problem(budget=0.1)
    few, many = SquareAttack(20)(problem), SquareAttack(300)(problem)
    assert (many.loss_end < few.loss_end).all()
    before = problem.loss.victim.num_calls
    assert SquareAttack(20)(problem).notes == [{"queries": 20}] * 3
    # And one for the loss of the clean audio
    assert problem.loss.victim.num_calls - before == 21


def test_it_asks_for_no_gradient_and_leaves_gradients_on():
    problem = make_problem()
    asked = []

    def loss(speech):
        asked.append(torch.is_grad_enabled())
        return problem.loss(speech)

    attacked = SquareAttack(5)(replace(problem, loss=loss))
    assert not any(asked) and torch.is_grad_enabled()
    assert not attacked.delta.requires_grad


def test_the_shares_follow_the_schedule_of_the_paper_at_any_length():
    long, short = SquareAttack(10000, 0.8), SquareAttack(1000, 0.8)
    assert [long._share_at(n) for n in (10, 11, 51, 201, 1001)] == [
        0.8,
        0.4,
        0.2,
        0.1,
        0.05,
    ]
    assert long._share_at(9999) == 0.8 / 2**8
    for query in (1, 5, 20, 100, 999):
        assert short._share_at(query) == long._share_at(query * 10)


def test_a_change_is_one_stretch_of_full_noise_that_is_never_the_same_again():
    problem = make_problem((800, 640), budget=0.05)
    ball = problem.ball
    stretches = Stretches(ball, [1, 2], 50)
    delta = stretches.replace(ball, torch.zeros_like(ball.clean), 0, 1.0)
    for query in range(1, 50):
        share = 0.001 if query % 2 else 0.1
        after = stretches.replace(ball, delta, query, share)
        assert torch.equal(after.abs(), 0.05 * ball.mask)
        for row, length in enumerate((800, 640)):
            changed = (after[row] != delta[row]).nonzero()[:, 0]
            assert 1 <= len(changed) <= max(1, round(share * length))
            assert changed[-1] - changed[0] < max(1, round(share * length))
        delta = after
