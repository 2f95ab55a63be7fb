from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from toy_problem import make_problem

from espnet_mtl.attack.methods.pgd import PGD
from espnet_mtl.attack.methods.shuffled import Shuffled
from espnet_mtl.errors import UserError


def with_donor(problem, donor):
    return replace(problem, donor=lambda: donor)


@settings(max_examples=30, deadline=None)
@given(
    lengths=st.lists(
        st.tuples(st.integers(400, 900), st.integers(400, 900)), min_size=1, max_size=3
    ),
    ball=st.sampled_from(
        [("linf", 0.05), ("l2", 0.5), ("snr", 20.0), ("linf", 0.0), ("l2", 50.0)]
    ),
    peaks=st.tuples(*[st.sampled_from([0.0, 1e-4, 0.5, 1.0])] * 2),
)
def test_a_borrowed_perturbation_stays_in_the_ball_and_in_the_audio(
    lengths, ball, peaks
):
    ours, theirs = zip(*lengths, strict=True)
    problem = make_problem(ours, *ball, peak=peaks[0])
    donor = make_problem(theirs, *ball, peak=peaks[1], seed=1)
    delta = Shuffled(steps=3)(with_donor(problem, donor)).delta
    assert delta.shape == problem.ball.clean.shape
    assert delta.isfinite().all()
    assert (problem.ball.size(delta) <= problem.ball.radius * (1 + 1e-5) + 1e-6).all()
    assert (problem.ball.clean + delta).abs().max() <= 1.0 + 1e-6
    for row, length in enumerate(ours):
        assert not delta[row, length:].any()


def test_it_is_the_donors_attack_cut_or_repeated():
    problem = make_problem((800, 640, 400), peak=0.1)
    donor = make_problem((480, 640, 800), peak=0.1, seed=1)
    delta = Shuffled(steps=5)(with_donor(problem, donor)).delta
    lent = PGD(steps=5)(donor).delta
    torch.testing.assert_close(delta[0, :480], lent[0, :480])
    torch.testing.assert_close(delta[0, 480:800], lent[0, :320])
    torch.testing.assert_close(delta[1, :640], lent[1, :640])
    torch.testing.assert_close(delta[2, :400], lent[2, :400])


def test_in_an_l2_ball_it_is_scaled_to_the_utterances_own_radius():
    problem = make_problem((800, 640, 400), "snr", 20.0, peak=0.1)
    donor = make_problem((480, 640, 800), "snr", 20.0, peak=0.7, seed=1)
    delta = Shuffled(steps=5)(with_donor(problem, donor)).delta
    torch.testing.assert_close(problem.ball.size(delta), problem.ball.radius)
    quiet_donor = make_problem((480, 640, 800), "snr", 20.0, peak=0.0, seed=1)
    assert not Shuffled(steps=2)(with_donor(problem, quiet_donor)).delta.any()


def test_losses_are_those_of_the_utterance_and_weaker_than_its_own_attack():
    problem = make_problem(budget=0.1)
    attacked = Shuffled(steps=30)(with_donor(problem, make_problem(seed=1)))
    clean = problem.ball.clean
    torch.testing.assert_close(attacked.loss_start, problem.loss(clean))
    torch.testing.assert_close(attacked.loss_end, problem.loss(clean + attacked.delta))
    own = PGD(steps=30)(problem)
    assert (own.loss_end < attacked.loss_end).all()


def test_one_utterance_alone_has_nobody_to_borrow_from():
    with pytest.raises(UserError, match="at least two utterances"):
        Shuffled()(make_problem((800,)))
    with pytest.raises(UserError, match="momentum"):
        Shuffled(momentum=1.0)
