"""What the check of the untouched audio measures of a victim."""

from dataclasses import replace

import pytest
import torch
from toy_problem import make_problem
from toy_victim import ToyVictim

from espnet_mtl.attack.methods.untouched import HealthCheck
from espnet_mtl.attack.quantise import FULL_SCALE

BOTH = {"ctc": 0.5, "att": 0.5}


def look(victim):
    return HealthCheck()(make_problem(victim=victim)).health


def test_a_plain_victim():
    for one in look(ToyVictim(BOTH)):
        assert one.gradient_finite and one.gradient_l1 > 0
        assert one.gradient_zero_share == 0
        assert one.branch_zero_shares["ctc"] == 0
        assert one.loss_repeat_diff == 0 and one.heard_repeat and one.heard_level
        assert one.loss_level_diff == pytest.approx(one.loss_level_slope, rel=0.05)
        assert not one.is_random


def test_the_gradient_is_that_of_one_sample_and_one_level():
    problem = make_problem(victim=ToyVictim(BOTH))
    delta = torch.zeros_like(problem.ball.clean, requires_grad=True)
    problem.loss(problem.ball.clean + delta).sum().backward()
    for row, one in enumerate(HealthCheck()(problem).health):
        sizes = delta.grad[row, : problem.ball.lengths[row]].abs() / FULL_SCALE
        nearest = (sizes - one.loss_level_slope).abs().min()
        assert nearest == pytest.approx(0, abs=1e-9)


class Detached(ToyVictim):
    """Its attention branch hides its gradient."""

    def losses(self, speech, *rest):
        losses = super().losses(speech, *rest)
        return {n: v.detach() if n == "att" else v for n, v in losses.items()}


def test_a_branch_without_a_gradient_of_its_own():
    for one in look(Detached(BOTH)):
        assert one.gradient_l1 > 0
        assert one.branch_zero_shares == {"ctc": 0.0, "att": 1.0}


class Stepping(ToyVictim):
    """Its loss jumps with the lowest bit of the sum of all samples."""

    def losses(self, speech, *rest):
        odd = (speech.detach() * FULL_SCALE).round().sum(1) % 2
        return {n: v + 0.1 * odd for n, v in super().losses(speech, *rest).items()}


def test_a_jump_over_one_level_is_not_explained():
    for one in look(Stepping(BOTH)):
        assert one.loss_repeat_diff == 0 and one.heard_repeat
        assert one.unexplained == pytest.approx(0.1, abs=0.01)
        assert one.is_random


class Clamping(ToyVictim):
    """Hears a logarithm of at least some energy, as real front ends do."""

    def losses(self, speech, *rest):
        return super().losses(torch.where(speech.abs() < 1e-5, 0.0, speech), *rest)


def around(problem, clean):
    ball = problem.ball
    return type(ball)(clean, ball.lengths, ball.radius)


def test_digital_silence_has_no_gradient_and_counts_for_nobody():
    problem = make_problem(lengths=(4000, 4000), victim=Clamping(BOTH))
    silent = problem.ball.clean.clone()
    silent[:, 1000:3000] = 0.0
    problem = replace(problem, ball=around(problem, silent))
    for one in HealthCheck()(problem).health:
        # 25 ms beside the sound, of 4000 samples less what is further away
        assert one.gradient_zero_share == pytest.approx(400 / 2400, abs=0.01)
    nearly = torch.where(silent == 0.0, 1 / FULL_SCALE, silent)
    problem = replace(problem, ball=around(problem, nearly))
    for one in HealthCheck()(problem).health:
        assert one.gradient_zero_share < 0.01
