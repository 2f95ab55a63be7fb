from dataclasses import replace

import pytest
import torch
from toy_problem import make_problem
from toy_victim import ToyVictim

from espnet_mtl.attack.eot import EOT, Draws, ExpectedLoss
from espnet_mtl.attack.methods.chain import Chain
from espnet_mtl.attack.methods.pgd import PGD
from espnet_mtl.attack.problem import Effort
from espnet_mtl.errors import UserError
from espnet_mtl.metrics.wish import Heard


def counted(problem):
    return replace(problem, effort=Effort(len(problem)))


def costs(problem, attacked):
    return problem.judge.cost(problem.judge.hear(attacked.delta))


@pytest.mark.parametrize("norm, budget", [("linf", 0.2), ("l2", 1.5), ("snr", 16.0)])
def test_it_reaches_every_target_in_its_ball_and_then_stops(norm, budget):
    problem = counted(make_problem(norm=norm, budget=budget))
    attacked = Chain(steps=(75, 75), step_sizes=(0.25, 0.05), listen_every=5)(problem)
    assert not costs(problem, attacked).any()
    assert (problem.ball.size(attacked.delta) <= problem.ball.radius * 1.00001).all()
    assert (problem.ball.clean + attacked.delta).abs().max() <= 1.0
    assert (problem.effort.gradients < 75).all()
    assert (problem.effort.gradients % 5 == 0).all()


def test_what_is_found_does_not_depend_on_who_else_is_in_the_batch():
    problem = make_problem(norm="snr", budget=20)
    chain = Chain(steps=(20, 20), step_sizes=(0.25, 0.05), listen_every=5)
    together = chain(problem)
    for row in range(3):
        alone = chain(problem.rows(torch.tensor([row])))
        assert torch.allclose(alone.delta[0], together.delta[row], atol=1e-6)


class Worse:
    """Hears one more wrong word each time."""

    def __init__(self):
        self.times = 0

    def hear(self, delta):
        self.times += 1
        return [Heard("")] * len(delta)

    def cost(self, heard, unit="word"):
        return torch.full((len(heard),), float(self.times))

    def rows(self, rows):
        return self


def test_the_lowest_loss_is_told_beside_what_came_nearest():
    problem = replace(make_problem(budget=0.02), judge=Worse())
    attacked = Chain(steps=(20,), step_sizes=(0.25,), listen_every=5)(problem)
    assert problem.judge.times > 1
    nearest = problem.loss(problem.ball.clean + attacked.delta)
    lowest = problem.loss(problem.ball.clean + attacked.lowest)
    assert (lowest < nearest).all()
    assert torch.allclose(attacked.loss_end, nearest)


def test_a_stage_goes_on_from_the_best_so_far():
    problem = make_problem(budget=0.02)  # nobody gets there
    first = Chain(steps=(30,), step_sizes=(0.25,))(problem)
    longer = Chain(steps=(30, 30), step_sizes=(0.25, 0.05))(problem)
    assert (longer.loss_end <= first.loss_end).all()
    assert (longer.loss_end < first.loss_end).any()
    again = Chain(steps=(30,), step_sizes=(0.25,), warm_step_size=0.05)
    warm = again(replace(problem, start=first.delta))
    assert torch.allclose(warm.loss_end, longer.loss_end, atol=1e-4)


def test_a_wide_chain_ends_in_the_ball_that_counts():
    problem = make_problem(budget=0.02)
    attacked = Chain(steps=(40,), step_sizes=(0.25,), wide=2.0)(problem)
    assert (problem.ball.size(attacked.delta) <= problem.ball.radius * 1.00001).all()
    assert (attacked.loss_end < attacked.loss_start).all()
    straight = Chain(steps=(40,), step_sizes=(0.25,))(problem)
    assert not torch.allclose(attacked.delta, straight.delta)


def test_it_comes_at_least_as_far_as_pgd_with_as_many_gradients():
    problem = make_problem(budget=0.05)
    chain = Chain(steps=(20, 20, 20), step_sizes=(0.25, 0.05, 0.03))(problem)
    assert chain.loss_end.sum() <= 1.02 * PGD(steps=60)(problem).loss_end.sum()


def test_random_losses_are_no_obstacle():
    victim = ToyVictim({"ctc": 1.0})
    problem = make_problem(budget=0.3, victim=victim)
    eot = EOT(draws=2, gaussian=0.001)
    loss = eot.wrap(problem.loss, problem.ball.lengths, [1, 2, 3])
    problem = counted(replace(problem, loss=loss))
    attacked = Chain(steps=(20,), step_sizes=(0.25,))(problem)
    assert (attacked.loss_end < attacked.loss_start).all()
    # Two draws a step; whoever is broken after some of them takes no more.
    spent = problem.effort.gradients
    assert ((spent % 2 == 0) & (spent >= 2) & (spent <= 40)).all()


def test_the_decoder_hears_what_is_better_on_draws_that_are_worse():
    class Worse(ExpectedLoss):
        def __call__(self, speech):
            self.draws[0].take(1)
            return self.again(speech)

        def again(self, speech):
            return self.loss(speech) + 100.0 * self.draws[0]._taken

        def rows(self, rows):
            return replace(self, loss=self.loss.rows(rows))

    problem = make_problem(budget=0.02)  # nobody gets there
    loss = Worse(problem.loss, EOT(), problem.ball.lengths, [Draws(1)])
    problem = counted(replace(problem, loss=loss))
    Chain(steps=(20,), step_sizes=(0.1,), listen_every=5)(problem)
    assert problem.effort.decodings.tolist() == [4, 4, 4]


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"steps": (1, 2, 3)}, "one of each for every stage"),
        ({"steps": (0, 2, 1)}, "steps: \\[0, 2, 1\\]"),
        ({"momentum": 1.0}, "momentum"),
        ({"wide": 0.5}, "wide"),
        ({"listen_every": 0}, "listen_every"),
    ],
)
def test_senseless_settings_are_refused(settings, message):
    with pytest.raises(UserError, match=message):
        Chain(**settings)
