from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from toy_problem import make_problem

from espnet_mtl.attack.balls import make_ball
from espnet_mtl.attack.methods.kenansville import Kenansville


@settings(max_examples=60, deadline=None)
@given(
    lengths=st.lists(st.integers(1, 900), min_size=1, max_size=3),
    norm_and_budget=st.sampled_from(
        [("linf", 0.05), ("linf", 0.0), ("linf", 2.0), ("l2", 0.5), ("l2", 0.0)]
        + [("l2", 100.0), ("snr", 20.0), ("snr", 0.0), ("snr", -10.0), ("snr", 90.0)]
    ),
    peak=st.sampled_from([0.0, 1e-4, 0.5, 1.0]),
)
def test_the_change_stays_in_the_ball_and_in_the_audio(lengths, norm_and_budget, peak):
    problem = make_problem(lengths, *norm_and_budget, peak=peak)
    delta = Kenansville()(problem).delta
    assert delta.isfinite().all()
    assert (problem.ball.size(delta) <= problem.ball.radius * (1 + 1e-5) + 1e-6).all()
    assert (problem.ball.clean + delta).abs().max() <= 1.0 + 1e-6
    for row, length in enumerate(lengths):
        assert not delta[row, length:].any()


@pytest.mark.parametrize("lengths", [(800, 640, 400), (801, 641, 399)])
@pytest.mark.parametrize("norm, budget", [("l2", 0.5), ("snr", 10.0), ("snr", 30.0)])
def test_the_weakest_components_go_until_the_energy_is_that_of_the_radius(
    lengths, norm, budget
):
    problem = make_problem(lengths, norm, budget)
    delta = Kenansville()(problem).delta
    torch.testing.assert_close(problem.ball.size(delta), problem.ball.radius)
    for row, length in enumerate(lengths):
        before = np.abs(np.fft.rfft(problem.ball.clean[row, :length].double().numpy()))
        after = np.abs(
            np.fft.rfft((problem.ball.clean + delta)[row, :length].double().numpy())
        )
        gone, kept = after < 1e-4, np.abs(after - before) < 1e-4
        assert (~(gone | kept)).sum() <= 1  # the one that is only weakened
        # At 0 Hz and the highest frequency a bin stands for one, not for two.
        inner = slice(1, -1)
        assert before[inner][gone[inner]].max() <= before[inner][kept[inner]].min()


def test_a_tone_survives_and_the_noise_under_it_goes():
    time = torch.arange(800) / 8000.0
    tone = 0.5 * torch.sin(2 * torch.pi * 1000 * time)
    hiss = 0.01 * torch.randn(800, generator=torch.Generator().manual_seed(0))
    clean = (tone + hiss)[None]
    radius = float(torch.linalg.vector_norm(hiss))
    ball = make_ball("l2", radius, clean, torch.tensor([800]))
    problem = replace(make_problem((800,)), ball=ball)
    left = clean + Kenansville()(problem).delta
    assert torch.linalg.vector_norm(left[0] - tone) < 0.1 * radius


def test_in_a_box_as_much_goes_as_no_sample_notices():
    problem = make_problem(budget=0.05, peak=0.5)
    size = problem.ball.size(Kenansville()(problem).delta)
    assert (size > 0.04).all() and (size <= 0.05).all()
    everything = Kenansville()(make_problem(budget=2.0)).delta
    torch.testing.assert_close(everything, -problem.ball.clean, atol=1e-6, rtol=0)


def test_it_asks_the_victim_nothing_and_does_not_depend_on_batch_mates():
    problem = make_problem(norm="snr", budget=15.0)
    attacked = Kenansville()(problem)
    assert problem.loss.victim.num_calls == 0
    assert problem.judge.num_heard == [0]
    assert attacked.loss_end.isnan().all()
    alone = Kenansville()(problem.rows(torch.tensor([2])))
    assert torch.equal(alone.delta[0], attacked.delta[2])
