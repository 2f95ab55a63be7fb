import dataclasses

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from toy_problem import make_problem
from toy_victim import ToyVictim

from espnet_mtl.attack.methods.cw import CW, Adam
from espnet_mtl.attack.methods.pgd import PGD
from espnet_mtl.attack.problem import Effort

FEW = CW(steps=150, check_every=5, patience=30)


def costs(problem, delta):
    return problem.judge.cost(problem.judge.hear(delta))


def rows(problem, *numbers):
    return problem.rows(torch.tensor(numbers))


def counted(problem):
    """The problem, with a count of what its decoder hears from now on."""
    problem.judge.num_heard[0] = 0
    return problem


class ByLength:
    """A stand-in for the decoder: hears the target from a size on."""

    def __init__(self, ball, sizes):
        self.ball, self.sizes, self.heard = ball, sizes, []

    def hear(self, delta):
        self.heard.append(delta.clone())
        enough = self.ball.size(delta) >= self.sizes
        return ["yes" if fits else "no" for fits in enough.tolist()]

    def cost(self, heard, unit="word"):
        return torch.tensor([0.0 if text == "yes" else 1.0 for text in heard])

    def rows(self, rows):
        part = ByLength(self.ball.rows(rows), self.sizes[rows])
        part.heard = self.heard
        return part


@settings(max_examples=40, deadline=None)
@given(
    lengths=st.lists(st.integers(400, 900), min_size=1, max_size=3),
    norm=st.sampled_from(["linf", "l2", "snr"]),
    budget=st.sampled_from([0.0, 1e-5, 0.01, 0.2, 20.0]),
    peak=st.sampled_from([0.0, 1e-4, 0.5, 1.0]),
    steps=st.integers(1, 12),
    penalty=st.sampled_from([0.0, 1.0, 1e4]),
)
def test_a_perturbation_stays_in_its_ball_and_in_the_audio(
    lengths, norm, budget, peak, steps, penalty
):
    problem = make_problem(lengths, norm, budget, peak=peak)
    ball = problem.ball
    attacked = CW(steps=steps, check_every=3, patience=4, penalty=penalty)(problem)
    delta = attacked.delta
    assert delta.isfinite().all()
    assert (ball.size(delta) <= ball.radius * (1 + 1e-5) + 1e-12).all()
    assert (ball.clean + delta).abs().max() <= 1.0 + 1e-6
    for row, length in enumerate(lengths):
        assert not delta[row, length:].any()
    for note, size in zip(attacked.notes, ball.size(delta).tolist(), strict=True):
        assert note["radius"] is None or note["radius"] == pytest.approx(size, 1e-3)


@pytest.mark.parametrize(("norm", "budget"), [("linf", 0.2), ("l2", 1.5), ("snr", 12)])
def test_it_reaches_the_target_with_less_than_the_budget(norm, budget):
    problem = make_problem(norm=norm, budget=budget)
    attacked = FEW(problem)
    assert not costs(problem, attacked.delta).any()
    sizes = problem.ball.size(attacked.delta)
    assert (sizes < 0.8 * problem.ball.radius).all()
    assert [note["radius"] for note in attacked.notes] == pytest.approx(sizes.tolist())
    assert all(note["checks"] > 1 for note in attacked.notes)


def test_pgd_fails_in_a_ball_little_smaller_than_what_it_found():
    """What CW calls the smallest really is about the smallest."""
    sizes = torch.tensor(
        [n["radius"] for n in CW(steps=300)(make_problem(budget=0.2)).notes]
    )
    problem = make_problem()
    smaller = dataclasses.replace(problem, ball=problem.ball.with_radius(0.8 * sizes))
    assert costs(problem, PGD(steps=100)(smaller).delta).all()


def test_utterances_that_cannot_be_reached_get_the_least_loss_in_the_whole_ball():
    problem = make_problem(budget=0.005)
    attacked = FEW(problem)
    assert costs(problem, attacked.delta).all()
    assert [note["radius"] for note in attacked.notes] == [None] * 3
    assert (attacked.loss_end < attacked.loss_start).all()
    torch.testing.assert_close(
        problem.loss(problem.ball.clean + attacked.delta), attacked.loss_end
    )
    assert (attacked.loss_end < 1.1 * PGD()(problem).loss_end).all()


def test_the_losses_are_those_without_and_with_the_perturbation():
    problem = make_problem(budget=0.2)
    attacked = FEW(problem)
    clean = problem.ball.clean
    torch.testing.assert_close(problem.loss(clean), attacked.loss_start)
    torch.testing.assert_close(problem.loss(clean + attacked.delta), attacked.loss_end)


def test_the_clean_audio_is_heard_first():
    """Nothing has to be changed where the target is heard anyway."""
    problem = make_problem(budget=0.2)
    heard = problem.judge.hear(torch.zeros_like(problem.ball.clean))
    problem.judge.targets[1] = heard[1].text
    attacked = CW(steps=20)(problem)
    assert attacked.notes[1] == {"radius": 0.0, "checks": 1}
    assert not attacked.delta[1].any()
    assert attacked.delta[0].any()


def test_the_decoder_hears_only_what_came_closer():
    problem = counted(make_problem(budget=0.2))
    stuck = dataclasses.replace(problem, loss=lambda speech: 0.0 * speech.sum(dim=1))
    CW(steps=50, check_every=1)(stuck)
    assert problem.judge.num_heard == [3]
    checks = [note["checks"] for note in FEW(counted(problem)).notes]
    assert problem.judge.num_heard == [sum(checks)]
    effort = Effort(len(problem))
    FEW(dataclasses.replace(problem, effort=effort))
    assert effort.decodings.tolist() == checks
    assert max(checks) <= 2 + 150 // 5  # at the start, and once more at the end


def test_a_radius_that_was_too_small_is_given_up_half_way_to_what_worked():
    problem = make_problem((800,), budget=0.2)
    judge = ByLength(problem.ball, torch.tensor([0.11]))
    # The longer, the nearer: the perturbation always fills its ball.
    problem = dataclasses.replace(
        problem, loss=lambda speech: -speech.sum(dim=1), judge=judge
    )
    attacked = CW(steps=600, check_every=5, patience=20, shrink=0.6)(problem)
    assert attacked.notes[0]["radius"] == pytest.approx(0.11, rel=0.05)
    assert attacked.notes[0]["radius"] >= 0.11
    without = CW(steps=600, check_every=5, patience=0, shrink=0.6)(problem)
    assert without.notes[0]["radius"] > 0.12


def test_a_penalty_takes_energy_away():
    problem = make_problem(budget=0.2)
    plain = CW(steps=60, patience=0, shrink=0.9)(problem)
    penalised = CW(steps=60, patience=0, shrink=0.9, penalty=50.0)(problem)
    assert (penalised.delta.square().sum(1) < plain.delta.square().sum(1)).all()


def test_a_loss_that_is_no_number_spoils_neither_itself_nor_its_mates():
    problem = rows(make_problem((800, 800), budget=0.2), 0, 1)
    good = problem.loss

    def half_broken(speech):
        values = good(speech)
        return torch.stack([values[0], (speech[1] * torch.nan).sum()])

    attacked = FEW(dataclasses.replace(problem, loss=half_broken))
    alone = FEW(rows(problem, 0))
    torch.testing.assert_close(attacked.delta[0], alone.delta[0])
    assert not attacked.delta[1].any()
    assert attacked.notes[1] == {"radius": None, "checks": 0}


def test_it_needs_one_gradient_a_step_and_is_the_same_again():
    victim = ToyVictim({"ctc": 1.0})
    problem = make_problem(budget=0.2, victim=victim)
    first = CW(steps=30)(problem)
    assert victim.num_calls == 32  # the clean audio, the steps and the end
    assert torch.equal(first.delta, CW(steps=30)(problem).delta)


SIZES = torch.tensor([50, 50])  # of the utterances below, in samples


def test_adam_without_floor_is_that_of_the_paper():
    generator = torch.Generator().manual_seed(0)
    gradients = (
        torch.randn(6, 2, 50, generator=generator)
        * torch.tensor([1e-3, 1e3])[None, :, None]
    )
    variable = torch.zeros(2, 50, requires_grad=True)
    reference = torch.optim.Adam([variable], lr=0.1, eps=1e-30)
    ours, adam = torch.zeros(2, 50), Adam(variable.detach(), SIZES, floor=0.0)
    for gradient in gradients:
        variable.grad = gradient
        reference.step()
        ours -= 0.1 * adam.direction(gradient)
    torch.testing.assert_close(ours, variable.detach())


@pytest.mark.parametrize("scale", [1e-30, 1e30])
def test_adam_does_not_mind_the_gradients_scale(scale):
    gradient = torch.randn(2, 50, generator=torch.Generator().manual_seed(0))
    gradient[0] = 0.0
    plain, scaled = Adam(gradient, SIZES), Adam(gradient, SIZES)
    for _ in range(3):
        expected = plain.direction(gradient)
        torch.testing.assert_close(scaled.direction(gradient * scale), expected)
    assert not expected[0].any()


def test_padding_changes_no_direction():
    """What keeps the division from going wrong is the utterance's own mean."""
    generator = torch.Generator().manual_seed(0)
    lengths = torch.tensor([100])
    alone = Adam(torch.zeros(1, 100), lengths)
    padded = Adam(torch.zeros(1, 900), lengths)
    for _ in range(5):
        gradient = torch.randn(1, 100, generator=generator)
        gradient *= torch.rand(1, 100, generator=generator) ** 4
        longer = torch.nn.functional.pad(gradient, (0, 800))
        direction = padded.direction(longer)
        assert torch.allclose(direction[:, :100], alone.direction(gradient))
        assert not direction[:, 100:].any()
