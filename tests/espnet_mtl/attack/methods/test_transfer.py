from dataclasses import replace

import pytest
import torch
from toy_problem import make_problem
from toy_victim import ToyVictim

from espnet_mtl.attack.config import AttackConfig, AttackSpec
from espnet_mtl.attack.losses import MeanLoss
from espnet_mtl.attack.methods.pgd import PGD
from espnet_mtl.attack.methods.transfer import Transfer
from espnet_mtl.attack.plan import make_plan
from espnet_mtl.errors import UserError


def relative(seed):
    """A victim that has learnt much the same as the others, but not quite."""
    victim = ToyVictim({"ctc": 1.0})
    generator = torch.Generator().manual_seed(seed)
    own = torch.randn(victim.projection.shape, generator=generator)
    victim.projection = victim.projection + own
    return victim


def test_it_is_pgd_on_the_loss_it_is_given():
    problem = make_problem()
    attacked = Transfer(steps=5, sources=("a.zip",))(problem)
    expected = PGD(steps=5)(problem)
    assert torch.equal(attacked.delta, expected.delta)
    torch.testing.assert_close(attacked.loss_start, problem.loss(problem.ball.clean))
    assert torch.equal(attacked.loss_end, expected.loss_end)


def test_the_mean_of_losses_their_gradient_and_their_rows():
    problem = make_problem()
    losses = [replace(problem.loss, victim=relative(seed)) for seed in range(3)]
    clean = problem.ball.clean.clone().requires_grad_(True)
    mean = MeanLoss(losses)(clean)
    torch.testing.assert_close(
        mean, torch.stack([one(clean) for one in losses]).mean(0)
    )
    (gradient,) = torch.autograd.grad(mean.sum(), clean)
    parts = [torch.autograd.grad(one(clean).sum(), clean)[0] for one in losses]
    torch.testing.assert_close(gradient, torch.stack(parts).mean(0))
    rows = torch.tensor([2, 0])
    torch.testing.assert_close(MeanLoss(losses).rows(rows)(clean[rows]), mean[rows])
    torch.testing.assert_close(MeanLoss(losses[:1])(clean), losses[0](clean))
    with pytest.raises(ValueError, match="at least one"):
        MeanLoss(())


def test_it_transfers_and_more_sources_transfer_better():
    problem = make_problem([800] * 6, budget=0.05)
    clean = problem.ball.clean
    victims = [replace(problem.loss, victim=relative(seed)) for seed in range(11, 15)]
    losses = [replace(problem.loss, victim=relative(seed)) for seed in range(1, 5)]
    attack = Transfer(steps=30, sources=("any.zip",))

    def heard(speech):
        return float(torch.stack([victim(speech) for victim in victims]).mean())

    reached = [
        heard(clean + attack(replace(problem, loss=loss)).delta)
        for loss in (*losses, MeanLoss(losses))
    ]
    assert max(reached) < 0.9 * heard(clean)
    assert reached[-1] < 0.9 * min(reached[:-1])


def test_a_source_of_another_rate_is_refused():
    attack = Transfer(sources=("same.zip", "other.zip"))
    config = AttackConfig(attacks=(AttackSpec("transfer", attack),))
    sources = {path: ToyVictim(seed=7) for path in attack.sources}
    assert make_plan(config, ToyVictim(), sources)
    sources["other.zip"].rate = 16000
    with pytest.raises(UserError, match="other.zip: .* 16000 Hz, .* 8000 Hz"):
        make_plan(config, ToyVictim(), sources)
