from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from toy_problem import make_problem
from toy_victim import HOP, ToyVictim

from espnet_mtl.attack.eot import EOT
from espnet_mtl.attack.losses import MeanLoss
from espnet_mtl.attack.methods.noise import RandomSign
from espnet_mtl.attack.methods.universal import Universal
from espnet_mtl.errors import UserError

# Whole frames of the toy victim, so that one that is repeated is heard the same.
SECONDS = 5 * HOP / 8000
BUDGETS = [("linf", 0.05), ("l2", 0.8), ("snr", 15.0)]


def make(lengths=(800, 640, 400, 800), norm="linf", budget=0.05, *, seed=0, **more):
    """A batch whose utterances are all to be heard as the same."""
    problem = make_problem(lengths, norm, budget, seed=seed, **more)
    return replace(problem, loss=replace(problem.loss, texts=[[1, 2]] * len(lengths)))


def universal(**settings):
    return Universal(**{"fit_data": "data/fit", "seconds": SECONDS, **settings})


def fit_and_apply(attack, problem, *batches):
    fitted = attack.fit(lambda: iter(batches))
    return attack(replace(problem, fitted=fitted))


@pytest.mark.parametrize("norm, budget", BUDGETS)
def test_fitted_on_some_it_lowers_the_loss_of_others(norm, budget):
    batches = [make(norm=norm, budget=budget, seed=seed) for seed in range(1, 5)]
    problem = make(norm=norm, budget=budget, seed=9)
    attacked = fit_and_apply(universal(), problem, *batches)
    clean = problem.ball.clean
    torch.testing.assert_close(attacked.loss_start, problem.loss(clean))
    torch.testing.assert_close(attacked.loss_end, problem.loss(clean + attacked.delta))
    assert attacked.loss_end.mean() < 0.8 * attacked.loss_start.mean()
    noise = problem.loss(clean + RandomSign()(problem).delta)
    assert attacked.loss_end.mean() < 0.8 * noise.mean()
    assert not len(attacked.prefix)


def test_untargeted_it_raises_the_loss_of_what_was_said():
    def away(problem):
        return replace(problem, loss=replace(problem.loss, weights={"ctc": -1.0}))

    batches = [away(make(seed=seed)) for seed in range(1, 5)]
    attacked = fit_and_apply(universal(), away(make(seed=9)), *batches)
    assert attacked.loss_end.mean() < 1.2 * attacked.loss_start.mean() < 0


@pytest.mark.parametrize("norm, budget", BUDGETS)
def test_audio_longer_than_it_is_covered_to_its_end(norm, budget):
    """A peer leaves long audio as it is beyond the perturbation's end."""
    problem = make([2000, 1237], norm, budget, seed=9)
    attacked = fit_and_apply(universal(), problem, make(norm=norm, budget=budget))
    samples = 5 * HOP
    for row, length in enumerate([2000, 1237]):
        delta = attacked.delta[row, :length]
        assert (delta != 0).float().mean() > 0.9
        torch.testing.assert_close(delta[samples:], delta[:-samples])
        assert not attacked.delta[row, length:].any()


@pytest.mark.parametrize("norm, budget", [("l2", 0.8), ("snr", 15.0)])
def test_in_l2_balls_each_utterance_uses_its_own_radius(norm, budget):
    problem = make(norm=norm, budget=budget, seed=9)
    attacked = fit_and_apply(universal(), problem, make(norm=norm, budget=budget))
    torch.testing.assert_close(problem.ball.size(attacked.delta), problem.ball.radius)
    # The same direction for all: what is shorter has its beginning.
    first, third = attacked.delta[0, :400], attacked.delta[2, :400]
    assert torch.cosine_similarity(first, third, dim=0) > 0.9999


def test_it_is_the_same_for_all_and_in_any_batch():
    attack = universal()
    fitted = attack.fit(lambda: [make()])
    assert fitted.shape == (5 * HOP,)
    problem = replace(make(seed=9), fitted=fitted)
    together = attack(problem).delta
    for row in range(4):
        part = attack(problem.rows(torch.tensor([row])))
        torch.testing.assert_close(part.delta[0], together[row])
        length = min(400, int(problem.ball.lengths[row]))
        assert torch.equal(together[row, :length], fitted[:length])


@pytest.mark.parametrize("mode", ["add", "prepend"])
@pytest.mark.parametrize("norm, budget", [("linf", 0.01), ("l2", 0.3)])
def test_the_first_step_follows_the_gradient_of_the_summed_loss(mode, norm, budget):
    """Against automatic differentiation of the loss of the shared samples."""
    problem = make(norm=norm, budget=budget)
    fitted = universal(epochs=1, mode=mode, step_size=0.5).fit(lambda: [problem])
    vector = torch.zeros(5 * HOP, requires_grad=True)
    clean, lengths, loss = problem.ball.clean, problem.ball.lengths, problem.loss
    if mode == "add":
        speech = clean + vector.repeat(3)[: clean.shape[1]] * problem.ball.mask
    else:
        speech = torch.cat([vector.expand(len(clean), -1), clean], dim=1)
        loss = replace(loss, lengths=lengths + len(vector))
    (gradient,) = torch.autograd.grad(loss(speech).sum(), vector)
    step = -0.5 * (
        0.01 * gradient.sign() if norm == "linf" else gradient / gradient.norm()
    )
    torch.testing.assert_close(fitted, step)


def test_in_l2_balls_later_steps_follow_the_loss_of_what_is_played():
    """Against automatic differentiation through the scaling to each radius."""
    problem = make(norm="snr", budget=15.0)
    one, two = (
        universal(epochs=1, momentum=0.0).fit(lambda n=n: [problem] * n) for n in (1, 2)
    )
    vector = one.clone().requires_grad_(True)
    ball = problem.ball
    repeated = vector.repeat(2)[None] * ball.mask
    delta = repeated / repeated.norm(dim=1, keepdim=True) * ball.radius[:, None]
    (gradient,) = torch.autograd.grad(problem.loss(ball.clean + delta).sum(), vector)
    step = -0.1 * gradient / gradient.norm()
    torch.testing.assert_close(two, one + step, atol=1e-6, rtol=1e-3)


@pytest.mark.parametrize("norm, budget", BUDGETS[:2])
def test_played_before_it_lowers_the_loss_and_leaves_the_utterance(norm, budget):
    # The toy's "attention" says its tokens in the first frames: those of the prefix.
    victim = ToyVictim({"att": 1.0})
    batches = [make([800, 640], norm, budget, victim=victim, seed=n) for n in (1, 2)]
    problem = make([400, 960], norm, budget, victim=victim, seed=9)
    attacked = fit_and_apply(universal(mode="prepend"), problem, *batches)
    assert not attacked.delta.any()
    assert attacked.prefix.shape == (5 * HOP,)
    size = attacked.prefix.abs().max() if norm == "linf" else attacked.prefix.norm()
    assert budget * 0.99 < size <= budget * (1 + 1e-5)

    def loss_behind(prefix):
        speech = torch.cat([prefix.expand(2, -1), problem.ball.clean], dim=1)
        longer = replace(problem.loss, lengths=problem.loss.lengths + 5 * HOP)
        return longer(speech)

    torch.testing.assert_close(attacked.loss_end, loss_behind(attacked.prefix))
    torch.testing.assert_close(attacked.loss_start, problem.loss(problem.ball.clean))
    silence = loss_behind(torch.zeros(5 * HOP))
    assert (attacked.loss_end < silence).all()
    assert (attacked.loss_end < attacked.loss_start).all()


@pytest.mark.parametrize("mode", ["add", "prepend"])
def test_expected_losses_and_those_of_many_models(mode):
    def around(problem):
        loss = MeanLoss([problem.loss, problem.loss])
        eot = EOT(draws=2, gaussian=1e-4)
        loss = eot.wrap(loss, problem.ball.lengths, problem.seeds)
        return replace(problem, loss=loss)

    attack = universal(mode=mode)
    attacked = fit_and_apply(attack, around(make(seed=9)), around(make()))
    plain = fit_and_apply(attack, make(seed=9), make())
    assert attacked.loss_end.mean() < attacked.loss_start.mean()
    torch.testing.assert_close(attacked.loss_end, plain.loss_end, atol=1.0, rtol=0.1)


def test_audio_played_before_needs_one_radius_for_all():
    attack = universal(mode="prepend")
    with pytest.raises(UserError, match="snr.*choose norm linf or l2"):
        attack.fit(lambda: [make(norm="snr", budget=15.0)])


def test_audio_played_before_keeps_to_the_smallest_of_nearly_equal_radii():
    """Of audio on 16-bit levels, the radius is a whole number of them."""
    problem = make(budget=0.1)
    radius = problem.ball.radius.clone()
    radius[1] = 0.0999
    problem = replace(problem, ball=problem.ball.with_radius(radius))
    vector = universal(mode="prepend").fit(lambda: [problem])
    assert vector.abs().max() == pytest.approx(0.0999)


@pytest.mark.parametrize("mode", ["add", "prepend"])
@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_a_radius_of_nothing_is_silence(mode, norm):
    attack = universal(mode=mode, epochs=2)
    attacked = fit_and_apply(
        attack, make(norm=norm, budget=0.0), make(norm=norm, budget=0)
    )
    assert not attacked.delta.any()
    assert not attacked.prefix.any()
    assert attacked.loss_end.isfinite().all()


@settings(max_examples=40, deadline=None)
@given(
    fitting=st.lists(st.integers(160, 900), min_size=1, max_size=3),
    lengths=st.lists(st.integers(160, 1500), min_size=1, max_size=3),
    ball=st.sampled_from([*BUDGETS, ("linf", 2.0), ("l2", 100.0)]),
    peaks=st.tuples(*[st.sampled_from([0.0, 1e-4, 0.5, 1.0])] * 2),
    mode=st.sampled_from(["add", "prepend"]),
    seconds=st.sampled_from([1e-9, 0.01, 0.2]),
)
def test_it_keeps_the_budget_the_range_and_the_padding(
    fitting, lengths, ball, peaks, mode, seconds
):
    if mode == "prepend" and ball[0] == "snr":
        return
    attack = universal(mode=mode, seconds=seconds, epochs=2)
    problem = make(lengths, *ball, peak=peaks[1], seed=9)
    attacked = fit_and_apply(attack, problem, make(fitting, *ball, peak=peaks[0]))
    radius = problem.ball.radius * (1 + 1e-5)
    assert (problem.ball.size(attacked.delta) <= radius).all()
    assert (problem.ball.clean + attacked.delta).abs().max() <= 1.0 + 1e-6
    assert not (attacked.delta * (1 - problem.ball.mask)).any()
    if mode == "prepend":
        assert len(attacked.prefix) == max(1, round(seconds * 8000))
        assert attacked.prefix.abs().max() <= 1.0
        norm = torch.inf if ball[0] == "linf" else 2
        assert attacked.prefix.norm(norm) <= radius[0]


def test_one_very_short_utterance():
    """Shorter than the perturbation, to fit on and to apply to."""
    for norm, budget in BUDGETS:
        attack = universal(seconds=1.0)
        attacked = fit_and_apply(
            attack, make([160], norm, budget), make([160], norm, budget)
        )
        assert attacked.delta.shape == (1, 160)
        assert (attacked.loss_end < attacked.loss_start).all()
        # What no utterance was long enough for has learnt nothing.
        fitted = attack.fit(lambda n=norm, b=budget: [make([160], n, b)])
        assert fitted.shape == (8000,)
        assert not fitted[160:].any()


def test_a_loss_that_is_no_number_does_not_spoil_the_perturbation():
    class Broken:
        def __call__(self, speech):
            return speech.square().sum(dim=1) * torch.nan

    broken = replace(make([400]), loss=Broken())
    fitted = universal(epochs=2).fit(lambda: [broken, make()])
    assert fitted.isfinite().all() and fitted.any()


def test_each_epoch_goes_over_all_batches_and_twice_gives_the_same():
    asked = []

    def problems():
        for seed in (1, 2):
            asked.append(seed)
            yield make(seed=seed)

    attack = universal(epochs=3)
    first = attack.fit(problems)
    assert asked == [1, 2] * 3
    assert torch.equal(first, attack.fit(problems))


def test_there_must_be_something_to_fit_on_and_it_must_be_fitted():
    with pytest.raises(UserError, match="fit_data: data/fit: there are no utterances"):
        universal().fit(lambda: [])
    with pytest.raises(ValueError, match="fitted"):
        universal()(make())
