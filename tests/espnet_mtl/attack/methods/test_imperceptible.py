import dataclasses

import torch
from toy_problem import make_problem

from espnet_mtl.attack.masking import Masking
from espnet_mtl.attack.methods.cw import CW
from espnet_mtl.attack.methods.imperceptible import Imperceptible

FEW = Imperceptible(first_steps=80, second_steps=80, check_every=5)


def costs(problem, delta):
    return problem.judge.cost(problem.judge.hear(delta))


def excess(problem, delta):
    ball = problem.ball
    return Masking(ball.clean, ball.lengths, problem.rate).excess(delta)


def note(attacked, name):
    return torch.tensor([float(one[name]) for one in attacked.notes])


def test_the_second_stage_makes_what_the_first_one_found_less_audible():
    problem = make_problem(budget=0.2)
    attacked = FEW(problem)
    assert not costs(problem, attacked.delta).any()
    assert note(attacked, "stage").tolist() == [2, 2, 2]
    before, after = note(attacked, "excess_before"), note(attacked, "excess_after")
    assert (after < 0.9 * before).all()
    torch.testing.assert_close(excess(problem, attacked.delta), after)
    clean = problem.ball.clean
    torch.testing.assert_close(problem.loss(clean), attacked.loss_start)
    torch.testing.assert_close(problem.loss(clean + attacked.delta), attacked.loss_end)


def test_the_first_stage_alone_is_that_of_carlini_and_wagner():
    problem = make_problem(budget=0.2)
    attacked = dataclasses.replace(FEW, stages=(1,))(problem)
    cw = CW(steps=80, check_every=5)(problem)
    assert torch.equal(attacked.delta, cw.delta)
    torch.testing.assert_close(attacked.loss_end, cw.loss_end)
    assert note(attacked, "stage").tolist() == [1, 1, 1]
    assert torch.equal(note(attacked, "excess_before"), note(attacked, "excess_after"))


def test_the_second_stage_alone_starts_at_the_clean_audio():
    problem = make_problem(budget=0.2)
    attacked = dataclasses.replace(FEW, stages=(2,), second_steps=200)(problem)
    assert not costs(problem, attacked.delta).any()
    assert note(attacked, "stage").tolist() == [2, 2, 2]
    assert note(attacked, "excess_before").tolist() == [0, 0, 0]


def test_utterances_that_cannot_be_reached_get_the_least_loss():
    problem = make_problem(budget=0.005)
    attacked = FEW(problem)
    assert costs(problem, attacked.delta).all()
    assert note(attacked, "stage").tolist() == [0, 0, 0]
    first = CW(steps=80, check_every=5)(problem)
    assert (attacked.loss_end <= first.loss_end).all()
    torch.testing.assert_close(
        problem.loss(problem.ball.clean + attacked.delta), attacked.loss_end
    )


def test_a_target_that_is_heard_anyway_costs_nothing():
    problem = make_problem(budget=0.2)
    heard = problem.judge.hear(torch.zeros_like(problem.ball.clean))
    problem.judge.targets[1] = heard[1].text
    attacked = FEW(problem)
    assert not attacked.delta[1].any()
    assert attacked.notes[1]["excess_after"] == 0.0
