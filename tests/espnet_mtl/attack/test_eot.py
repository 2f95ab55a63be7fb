from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from toy_problem import make_batch, make_problem
from toy_victim import ToyVictim

from espnet_mtl.attack.eot import EOT
from espnet_mtl.attack.methods.apgd import APGD
from espnet_mtl.attack.methods.cw import CW
from espnet_mtl.attack.methods.imperceptible import Imperceptible
from espnet_mtl.attack.methods.pgd import PGD
from espnet_mtl.attack.methods.square import SquareAttack
from espnet_mtl.attack.problem import loss_and_gradient
from espnet_mtl.errors import UserError

LENGTHS = [800, 640, 400]
ALL = EOT(draws=3, gaussian=0.01, shift=40, gain_db=3.0)


@dataclass
class Recorder:
    """A loss, and all that it was asked for."""

    heard: list = field(default_factory=list)

    def __call__(self, speech):
        self.heard.append(speech.detach())
        return speech.square().sum(dim=1)

    def rows(self, rows):
        return self


class NoisyVictim(ToyVictim):
    """A victim with a random front-end: noise, other noise whenever it is asked."""

    def __init__(self, std):
        super().__init__({"ctc": 1.0})
        self.std = std
        self.generator = torch.Generator().manual_seed(99)

    def _logits(self, speech):
        noise = torch.randn(speech.shape, generator=self.generator)
        return super()._logits(speech + self.std * noise)


def wrapped(problem, eot):
    loss = eot.wrap(problem.loss, problem.ball.lengths, problem.seeds_for("eot"))
    return replace(problem, loss=loss)


def heard_by(eot, clean, lengths, seeds, calls=1):
    recorder = Recorder()
    loss = eot.wrap(recorder, lengths, seeds)
    for _ in range(calls):
        loss(clean)
    return recorder.heard


def test_without_anything_random_it_is_the_loss_itself():
    problem = make_problem()
    assert EOT().wrap(problem.loss, problem.ball.lengths, [1, 2, 3]) is problem.loss


@pytest.mark.parametrize("setting", [{"gaussian": 0.1}, {"shift": 5}, {"gain_db": 1.0}])
def test_one_draw_with_a_transformation_is_not(setting):
    clean, lengths = make_batch(LENGTHS)
    (heard,) = heard_by(EOT(**setting), clean, lengths, [1, 2, 3])
    assert (heard != clean).any(dim=1).all()


def test_draws_alone_do_not_change_a_victim_that_is_not_random():
    problem = make_problem()
    expected = wrapped(problem, EOT(draws=4))
    assert expected.loss is not problem.loss
    delta = problem.ball.random([1, 2, 3])
    for ours, plain in zip(
        loss_and_gradient(expected, delta),
        loss_and_gradient(problem, delta),
        strict=True,
    ):
        torch.testing.assert_close(ours, plain)


@pytest.mark.parametrize("draws", [1, 3])
def test_value_and_gradient_are_the_mean_of_those_of_the_draws(draws):
    """Against a graph through all draws, written out."""
    problem = make_problem()
    eot = replace(ALL, draws=draws)
    lengths = problem.ball.lengths
    values, gradient = loss_and_gradient(
        wrapped(problem, eot), torch.zeros_like(problem.ball.clean)
    )
    speech = problem.ball.clean.clone().requires_grad_(True)
    seeds = [one.take(draws) for one in wrapped(problem, eot).loss.draws]
    drawn = [
        problem.loss(eot.transform(speech, lengths, each))
        for each in zip(*seeds, strict=True)
    ]
    mean = torch.stack(drawn).mean(dim=0)
    torch.testing.assert_close(values, mean)
    (expected,) = torch.autograd.grad(mean.sum(), speech)
    torch.testing.assert_close(gradient, expected)
    assert gradient.abs().amax(dim=1).min() > 0


def test_the_chain_rule_goes_through_it():
    problem = make_problem()
    clean = problem.ball.clean
    weights = torch.tensor([1.0, -2.0, 0.5])
    vector = torch.zeros(clean.shape[1], requires_grad=True)
    value = wrapped(problem, ALL).loss(clean + vector * problem.ball.mask) @ weights
    (gradient,) = torch.autograd.grad(value, vector)
    _, each = loss_and_gradient(wrapped(problem, ALL), torch.zeros_like(clean))
    expected = (weights[:, None] * each * problem.ball.mask).sum(dim=0)
    torch.testing.assert_close(gradient, expected)


def test_without_a_gradient_there_is_no_graph():
    problem = wrapped(make_problem(), ALL)
    with torch.no_grad():
        value = problem.loss(problem.ball.clean.clone().requires_grad_(True))
    assert not value.requires_grad
    assert not problem.loss(problem.ball.clean).requires_grad


def test_a_victim_without_gradient_has_a_zero_one():
    problem = make_problem()
    problem = wrapped(replace(problem, loss=lambda s: s.detach().sum(1)), EOT(draws=2))
    _, gradient = loss_and_gradient(problem, torch.zeros_like(problem.ball.clean))
    assert not gradient.any()


def test_each_call_draws_anew_and_a_second_run_draws_the_same():
    clean, lengths = make_batch(LENGTHS)
    first = heard_by(ALL, clean, lengths, [1, 2, 3], calls=4)
    again = heard_by(ALL, clean, lengths, [1, 2, 3], calls=4)
    assert len(first) == 12
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    for row in range(3):
        assert len({tuple(one[row].tolist()) for one in first}) == 12


def test_no_two_utterances_share_a_draw():
    clean, lengths = make_batch([400])
    clean, lengths = clean.repeat(3, 1), lengths.repeat(3)
    (heard, *_) = heard_by(ALL, clean, lengths, [1, 2, 3])
    assert not torch.equal(heard[0], heard[1])
    assert not torch.equal(heard[1], heard[2])


def test_what_an_utterance_gets_does_not_depend_on_its_mates():
    clean, lengths = make_batch(LENGTHS)
    together = heard_by(ALL, clean, lengths, [1, 2, 3], calls=2)
    alone = heard_by(ALL, clean[2:, :400], lengths[2:], [3], calls=2)
    for a, b in zip(together, alone, strict=True):
        torch.testing.assert_close(a[2, :400], b[0])


def test_rows_go_on_where_the_batch_has_stopped():
    clean, lengths = make_batch(LENGTHS)
    whole = heard_by(ALL, clean, lengths, [1, 2, 3], calls=3)
    recorder = Recorder()
    loss = ALL.wrap(recorder, lengths, [1, 2, 3])
    loss(clean)
    rows = torch.tensor([2, 0])
    loss.rows(rows)(clean[rows])  # asks for nothing of the utterance in the middle
    loss.rows(rows)(clean[rows])
    loss(clean)
    torch.testing.assert_close(recorder.heard[3], whole[3][rows])
    torch.testing.assert_close(recorder.heard[6], whole[6][rows])
    torch.testing.assert_close(recorder.heard[9][1], whole[3][1])


@settings(max_examples=40, deadline=None)
@given(
    lengths=st.lists(st.integers(1, 300), min_size=1, max_size=3),
    peak=st.sampled_from([0.0, 0.5, 1.0]),
    gaussian=st.sampled_from([0.0, 0.01, 1.0]),
    shift=st.sampled_from([0, 1, 1000]),
    gain_db=st.sampled_from([0.0, 20.0]),
)
def test_padding_stays_zero_and_audio_in_range(lengths, peak, gaussian, shift, gain_db):
    eot = EOT(2, gaussian, shift, gain_db)
    clean, true = make_batch(lengths, peak)
    for heard in heard_by(eot, clean, true, range(len(lengths))):
        assert heard.abs().max() <= 1.0
        for row, length in enumerate(lengths):
            assert not heard[row, length:].any()


def test_a_shift_moves_the_utterance_and_fills_with_zeros():
    clean, lengths = make_batch([300, 200])
    moves = set()
    for heard in heard_by(EOT(draws=20, shift=10), clean, lengths, [1, 2]):
        for row, length in enumerate([300, 200]):
            audio, moved = clean[row, :length], heard[row, :length]
            (move,) = [
                n
                for n in range(-10, 11)
                if torch.equal(
                    torch.nn.functional.pad(audio, (10, 10))[10 - n :][:length], moved
                )
            ]
            moves.add(move)
    assert min(moves) < -5 and max(moves) > 5


def test_a_long_shift_leaves_half_of_a_short_utterance():
    clean, lengths = make_batch([10])
    for heard in heard_by(EOT(draws=20, shift=1000), clean, lengths, [1]):
        assert (heard != 0).sum() >= 5


def test_a_gain_is_one_factor_for_the_utterance():
    clean, lengths = make_batch([300], peak=0.5)
    found = []
    for heard in heard_by(EOT(draws=20, gain_db=6.0), clean, lengths, [1]):
        factors = (heard / clean)[clean.abs() > 0.01]
        torch.testing.assert_close(factors, factors[:1].expand_as(factors))
        found.append(float(20 * factors[0].log10()))
    assert -6.0 <= min(found) < -3.0 and 3.0 < max(found) <= 6.0


def test_noise_has_the_deviation_asked_for():
    clean, lengths = make_batch([20000], peak=0.1)
    (heard,) = heard_by(EOT(gaussian=0.02), clean, lengths, [1])
    assert float((heard - clean).std()) == pytest.approx(0.02, rel=0.03)


def test_pgd_on_the_expected_loss_beats_pgd_on_one_draw():
    """On a victim with a random front-end, measured over fresh draws."""
    problem = make_problem([800] * 6, budget=0.1, victim=NoisyVictim(0.3))

    def expected_loss(draws):
        attacked = PGD(steps=30)(wrapped(problem, EOT(draws=draws)))
        audio = problem.ball.clean + attacked.delta
        with torch.no_grad():
            return torch.stack([problem.loss(audio) for _ in range(300)]).mean(dim=0)

    one, sixteen = expected_loss(1), expected_loss(16)
    assert sixteen.mean() < 0.9 * one.mean()
    assert (sixteen < one).sum() >= 5


def test_pgd_on_transformations_survives_them_better():
    eot = EOT(draws=8, shift=3)
    problem = make_problem(LENGTHS, budget=0.1)

    def expected_loss(attacked):
        audio = problem.ball.clean + attacked.delta
        test = replace(eot, draws=200)
        with torch.no_grad():
            return test.wrap(problem.loss, problem.ball.lengths, [7, 8, 9])(
                audio
            ).mean()

    adaptive = expected_loss(PGD(steps=30)(wrapped(problem, eot)))
    assert adaptive < 0.9 * expected_loss(PGD(steps=30)(problem))


@pytest.mark.parametrize(
    "setting",
    [
        {"draws": 0},
        {"gaussian": -0.1},
        {"shift": -1},
        {"gain_db": float("nan")},
        {"gain_db": float("inf")},
    ],
)
def test_senseless_settings_are_named(setting):
    (name,) = setting
    with pytest.raises(UserError, match=f"{name}: "):
        EOT(**setting)


@dataclass(frozen=True)
class LuckyLoss:
    """A loss with luck: noise at every call, and once a jackpot."""

    truth: Callable
    noise: float
    jackpot: int
    calls: list = field(default_factory=list)

    def __call__(self, speech):
        self.calls.append(1)
        seed = torch.Generator().manual_seed(len(self.calls))
        luck = self.noise * torch.randn(len(speech), generator=seed)
        if len(self.calls) == self.jackpot:
            luck = luck - 1000.0
        return self.truth(speech) + luck


# The jackpot is drawn while the attack is still far from its aim. (Those that ask the
# decoder get a deaf one, so that they return their best by loss.)
METHODS = {
    "pgd": PGD(steps=40),
    "apgd": APGD(steps=40),
    "cw": CW(steps=100),
    "imperceptible": Imperceptible(first_steps=30, second_steps=100),
    "square": SquareAttack(queries=300),
}


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("transformation", [{}, {"gaussian": 1e-4}])
def test_the_luckiest_of_the_draws_is_not_the_best_iterate(name, transformation):
    problem = make_problem([400] * 40, budget=0.05, peak=0.1)
    ball = problem.ball
    aim = ball.clean + 0.5 * ball.random(range(40))

    def truth(speech):
        if name == "square":  # which knows no way but along the edges of the ball
            gain = (speech - ball.clean).view(40, 8, 50).mean(dim=2)
            return 0.05 + gain.abs().mul(-1.0).mean(dim=1)
        return (speech - aim).square().mean(dim=1).sqrt()

    loss = LuckyLoss(truth, noise=0.005, jackpot=12)
    eot = EOT(draws=2, **transformation)
    draws = problem.seeds_for("eot")
    attacked = METHODS[name](
        replace(problem, loss=eot.wrap(loss, ball.lengths, draws), judge=DeafJudge())
    )
    assert len(loss.calls) > 12
    found = truth(ball.clean + attacked.delta)
    assert found.mean() < 0.9 * truth(ball.clean).mean()
    # Nor is its loss the luckiest: it is right on average, and not low.
    error = attacked.loss_end - found
    assert abs(float(error.mean())) < 4 * loss.noise / (2 * 40) ** 0.5


class DeafJudge:
    def hear(self, delta):
        return [None] * len(delta)

    def cost(self, heard, unit="word"):
        return torch.ones(len(heard))

    def rows(self, rows):
        return self


def test_what_was_found_before_is_judged_on_the_draws_of_what_is_found_now():
    problem = wrapped(make_problem(), ALL)
    clean = problem.ball.clean
    first = problem.loss(clean)
    assert torch.equal(problem.again(torch.zeros_like(clean), first), first)
    now = problem.loss(clean)
    again = problem.again(torch.zeros_like(clean), first)
    assert torch.equal(again, now) and not torch.equal(again, first)
    rows = torch.tensor([2, 0])
    part = problem.rows(rows)
    delta = torch.zeros_like(clean[rows])
    torch.testing.assert_close(part.again(delta, first[rows]), now[rows])
    fresh = problem.afresh(torch.zeros_like(clean), first)
    assert not torch.equal(fresh, now)


def test_without_draws_nothing_is_asked_again():
    problem = make_problem()
    known = torch.zeros(3)
    delta = torch.zeros_like(problem.ball.clean)
    assert problem.again(delta, known) is known
    assert problem.afresh(delta, known) is known


def test_queries_of_a_random_loss_count_twice():
    notes = SquareAttack(queries=5)(wrapped(make_problem(), EOT(draws=2))).notes
    assert [note["queries"] for note in notes] == [10] * 3
