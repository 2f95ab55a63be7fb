import dataclasses

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from toy_problem import make_problem

from espnet_mtl.attack.masking import Masking
from espnet_mtl.attack.methods.cw import CW
from espnet_mtl.attack.methods.imperceptible import Imperceptible
from espnet_mtl.errors import UserError

FEW = Imperceptible(first_steps=80, second_steps=80, check_every=5)


def costs(problem, delta):
    return problem.judge.cost(problem.judge.hear(delta))


def excess(problem, delta):
    ball = problem.ball
    return Masking(ball.clean, ball.lengths, problem.rate).excess(delta)


def note(attacked, name):
    return torch.tensor([float(one[name]) for one in attacked.notes])


@settings(max_examples=25, deadline=None)
@given(
    lengths=st.lists(st.integers(400, 900), min_size=1, max_size=3),
    norm=st.sampled_from(["linf", "l2", "snr"]),
    budget=st.sampled_from([0.0, 1e-5, 0.01, 0.2, 20.0]),
    peak=st.sampled_from([0.0, 1e-4, 0.5, 1.0]),
    stages=st.sampled_from([(1,), (2,), (1, 2)]),
)
def test_a_perturbation_stays_in_its_ball_and_in_the_audio(
    lengths, norm, budget, peak, stages
):
    problem = make_problem(lengths, norm, budget, peak=peak)
    ball = problem.ball
    attack = Imperceptible(stages, first_steps=4, second_steps=4, check_every=2)
    delta = attack(problem).delta
    assert delta.isfinite().all()
    assert (ball.size(delta) <= ball.radius * (1 + 1e-5) + 1e-12).all()
    assert (ball.clean + delta).abs().max() <= 1.0 + 1e-6
    for row, length in enumerate(lengths):
        assert not delta[row, length:].any()


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


def test_an_utterance_is_attacked_the_same_alone_and_in_a_batch():
    """The weight of the loss is each utterance's own, too."""
    problem = make_problem(budget=0.2)
    few = Imperceptible(first_steps=30, second_steps=30, check_every=5)
    together = few(problem)
    for row in range(3):
        alone = few(problem.rows(torch.tensor([row])))
        assert alone.notes[0]["stage"] == together.notes[row]["stage"]
        difference = (alone.delta[0] - together.delta[row]).abs().max()
        assert difference < 1e-3 * problem.ball.radius[row]


def test_a_target_that_is_heard_anyway_costs_nothing():
    problem = make_problem(budget=0.2)
    heard = problem.judge.hear(torch.zeros_like(problem.ball.clean))
    problem.judge.targets[1] = heard[1].text
    attacked = FEW(problem)
    assert not attacked.delta[1].any()
    assert attacked.notes[1]["excess_after"] == 0.0


def test_a_loss_that_is_no_number_spoils_neither_itself_nor_its_mates():
    problem = make_problem((800, 800), budget=0.2)
    good = problem.loss

    def half_broken(speech):
        values = good(speech)
        return torch.stack([values[0], (speech[1] * torch.nan).sum()])

    stages = dataclasses.replace(FEW, stages=(2,), second_steps=20)
    attacked = stages(dataclasses.replace(problem, loss=half_broken))
    assert attacked.delta.isfinite().all()
    assert attacked.delta[0].any()
    assert not attacked.delta[1].any()


@pytest.mark.parametrize(
    "setting",
    [
        {"stages": ()},
        {"stages": (3,)},
        {"stages": (2, 1)},
        {"first_steps": 0},
        {"second_steps": 0},
        {"step_size": 0.0},
        {"alpha": -1.0},
        {"check_every": 0},
    ],
)
def test_a_senseless_setting_is_refused(setting):
    (name,) = setting
    with pytest.raises(UserError, match=name):
        Imperceptible(**setting)
