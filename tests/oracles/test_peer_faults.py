"""Faults found in other toolkits' attacks, which ours must not have.

Each test names the fault; the toolkits are not run here.
"""

import dataclasses

import hypothesis
import numpy as np
import pytest
import soundfile
import torch
from hypothesis import given
from hypothesis import strategies as st
from toy_problem import make_batch, make_problem, transcribe
from toy_victim import TOKENS, ToyVictim

from espnet_mtl.attack.balls import make_ball
from espnet_mtl.attack.methods.pgd import PGD
from espnet_mtl.attack.methods.registry import ATTACKS
from espnet_mtl.attack.problem import Problem
from espnet_mtl.attack.quantise import quantise
from espnet_mtl.metrics.wish import Heard, Wish

BOUNDS = [("linf", 0.05), ("l2", 0.4), ("snr", 20.0)]
RAGGED = (1600, 960, 400)


def linear_problem(clean, lengths, norm, budget, slope_seed=0):
    """Steepest descent goes straight to the end of the ball."""
    generator = torch.Generator().manual_seed(slope_seed)
    slope = torch.randn(clean.shape, generator=generator)
    return Problem(
        lambda speech: (slope[: len(speech)] * speech).sum(dim=1),
        make_ball(norm, budget, clean, lengths),
        judge=None,
        seeds=range(len(clean)),
        rate=8000,
    )


def norms(delta, lengths):
    rows = [row[:length].double() for row, length in zip(delta, lengths, strict=True)]
    return torch.stack([row.norm() for row in rows])


def test_an_l2_radius_is_that_of_the_utterance_and_not_of_each_sample():
    """Ragged audio as an array of objects: each sample was a vector of its own."""
    clean, lengths = make_batch(list(RAGGED))
    delta = PGD(steps=20)(linear_problem(clean, lengths, "l2", 0.4)).delta
    torch.testing.assert_close(
        norms(delta, lengths), torch.full((3,), 0.4).double(), rtol=1e-4, atol=0
    )


def test_an_snr_bound_holds_in_a_batch_from_random_starts():
    """A factor of shape (Batch, Batch) instead of (Batch, 1): B > 1 crashed."""
    clean, lengths = make_batch(list(RAGGED))
    clean *= torch.tensor([[1.0], [0.1], [0.01]])
    attack = PGD(steps=20, random_start=True, restarts=2)
    delta = attack(linear_problem(clean, lengths, "snr", 20.0)).delta
    snr = 20 * (norms(clean, lengths) / norms(delta, lengths)).log10()
    torch.testing.assert_close(snr, torch.full((3,), 20.0).double(), rtol=0, atol=1e-3)


@pytest.mark.parametrize("norm, budget", BOUNDS)
def test_neither_padding_nor_mates_change_an_utterances_bound(norm, budget):
    """The largest change of the whole batch decided when a bound was met, and
    perturbations had padding that counted in their norms."""
    problem = make_problem(RAGGED, norm, budget)
    attack = PGD(steps=10)
    together = attack(problem)
    clean, lengths = problem.ball.clean, problem.ball.lengths
    for row, length in enumerate(RAGGED):
        assert not together.delta[row, length:].any()
        one = torch.tensor([row])
        ball = make_ball(norm, budget, clean[one, :length], lengths[one])
        torch.testing.assert_close(ball.radius, problem.ball.radius[one])
        alone = attack(Problem(problem.loss.rows(one), ball, None, [1000 + row], 8000))
        torch.testing.assert_close(alone.delta[0], together.delta[row, :length])


@pytest.mark.parametrize("norm, budget", BOUNDS)
def test_padding_stays_silent_though_the_model_hears_it(norm, budget):
    """What an attack put there was heard by the attack, and missing in the file."""
    clean, lengths = make_batch(list(RAGGED))
    delta = PGD(steps=5)(linear_problem(clean, lengths, norm, budget)).delta
    for row, length in enumerate(RAGGED):
        assert delta[row, :length].any() and not delta[row, length:].any()


@pytest.mark.parametrize("norm, budget", BOUNDS)
def test_a_loud_mate_does_not_widen_the_bound_of_a_quiet_one(norm, budget):
    clean, lengths = make_batch([800, 800])
    clean[0] *= 1e-3
    quiet_alone = make_ball(norm, budget, clean[:1], lengths[:1])
    together = make_ball(norm, budget, clean, lengths)
    wild = torch.full_like(clean, 5.0)
    torch.testing.assert_close(
        quiet_alone.project_(wild[:1].clone()), together.project_(wild)[:1]
    )


@pytest.mark.parametrize("norm, budget", BOUNDS)
@pytest.mark.parametrize("lengths", [(800,), (800, 800), (800, 800, 800)])
def test_one_utterance_and_equal_lengths(norm, budget, lengths):
    """An array of arrays of one length is no array of objects: it crashed."""
    attacked = PGD(steps=10)(make_problem(lengths, norm, budget))
    assert attacked.delta.shape == (len(lengths), 800)
    assert (attacked.loss_end < attacked.loss_start).all()


@pytest.mark.parametrize("norm, budget", BOUNDS)
@pytest.mark.parametrize("momentum", [0.0, 0.75])
def test_silence_beside_speech(norm, budget, momentum):
    """0 / 0 for silent audio: its perturbation was no number, and for good."""
    problem = make_problem(RAGGED, norm, budget)
    problem.ball.clean[1] = 0.0
    ball = make_ball(norm, budget, problem.ball.clean, problem.ball.lengths)
    attacked = PGD(steps=10, momentum=momentum)(problem.with_ball(ball))
    assert attacked.delta.isfinite().all() and attacked.loss_end.isfinite().all()
    assert bool(attacked.delta[1].any()) is (norm != "snr")
    assert attacked.delta[0].any() and attacked.delta[2].any()


@pytest.mark.parametrize("norm, budget", BOUNDS)
@pytest.mark.parametrize("momentum", [0.0, 0.75])
@pytest.mark.parametrize("slope", [0.0, 1e-30, 1e30, torch.nan, torch.inf])
def test_a_gradient_that_is_zero_tiny_huge_or_no_number(norm, budget, momentum, slope):
    """1 / 0 in scaling a gradient to a length of 1."""
    clean, lengths = make_batch([800, 800])
    other = linear_problem(clean, lengths, norm, budget)

    def loss(speech):
        values = other.loss(speech)
        return torch.stack([(speech[0] * slope).sum(), values[1]])

    attack = PGD(steps=10, momentum=momentum, random_start=False)
    attacked = attack(Problem(loss, other.ball, None, [0, 1], 8000))
    assert attacked.delta.isfinite().all()
    assert bool(attacked.delta[0].any()) is (slope in (1e-30, 1e30))
    reached = attacked.delta[1].norm() if norm != "linf" else attacked.delta[1].max()
    assert reached == pytest.approx(float(other.ball.radius[1]), rel=1e-3)


@pytest.mark.parametrize("norm, budget", BOUNDS)
@pytest.mark.parametrize("slope", [0.0, torch.nan, torch.inf])
def test_one_bad_gradient_does_not_end_an_attack(norm, budget, slope):
    """A perturbation that once is no number is none ever after."""
    clean, lengths = make_batch([800, 800])
    good = linear_problem(clean, lengths, norm, budget)
    num_calls = 0

    def loss(speech):
        nonlocal num_calls
        num_calls += 1
        values = good.loss(speech)
        if num_calls in (2, 5):
            return torch.stack([(speech[0] * slope).sum(), values[1]])
        return values

    attack = PGD(steps=20, random_start=False)
    attacked = attack(Problem(loss, good.ball, None, [0, 1], 8000))
    expected = PGD(steps=20, random_start=False)(good)
    torch.testing.assert_close(attacked.delta, expected.delta, rtol=0, atol=1e-4)


def test_attacked_audio_never_leaves_full_scale():
    """Clipped to [-10, 10], or not at all, it is cut when it is saved."""
    clean, lengths = make_batch(list(RAGGED), peak=1.0)
    for norm, budget in [("linf", 0.5), ("l2", 20.0), ("snr", -10.0)]:
        delta = PGD(steps=10)(linear_problem(clean, lengths, norm, budget)).delta
        assert (clean + delta).abs().max() <= 1.0


@pytest.mark.parametrize("norm, budget", [("linf", 0.2), ("l2", 1.5), ("snr", 12.0)])
def test_what_is_saved_in_16_bits_still_attacks_and_keeps_its_bound(
    norm, budget, tmp_path
):
    """Audio that attacks in memory, and does not any more from its file."""
    victim = ToyVictim({"ctc": 1.0})
    problem = make_problem((800, 640, 400), norm, budget, victim=victim)
    delta = PGD(steps=50)(problem).delta
    clean, lengths = problem.ball.clean, problem.ball.lengths
    num_reached = 0
    for row, length in enumerate(lengths.tolist()):
        before = clean[row, :length].numpy()
        wanted = before + delta[row, :length].numpy()
        radius = float(problem.ball.radius[row])
        levels = quantise(before, wanted, problem.ball.norm, radius)
        soundfile.write(tmp_path / "x.wav", levels, 8000, subtype="PCM_16")
        read, _ = soundfile.read(tmp_path / "x.wav", dtype="float32")
        np.testing.assert_array_equal(read, levels / np.float32(32768))

        change = read.astype(np.float64) - before
        size = np.abs(change).max() if norm == "linf" else np.linalg.norm(change)
        assert size <= radius * (1 + 1e-6)
        speech = torch.from_numpy(read)[None]
        (heard,) = transcribe(victim, speech, lengths[row : row + 1])
        num_reached += heard == problem.judge.targets[row]
    assert num_reached >= 2


@pytest.mark.parametrize("heard", ["turn left", "TURN LEFT", "Turn  left"])
@pytest.mark.parametrize("target", ["turn left", "TURN LEFT"])
def test_success_does_not_hang_on_case(heard, target):
    """Compared with the target in capitals, a model of small letters never fell."""
    wish = Wish("target", target, truth="go right")
    assert wish.cost(Heard(heard)) == 0.0
    assert wish.cost(Heard(heard), "char") == 0.0
    assert wish.cost(Heard("turn right")) == 1.0


class NormalisedVictim(ToyVictim):
    """A toy victim with weights and running statistics that training mode changes."""

    def __init__(self):
        super().__init__({"ctc": 1.0})
        with torch.random.fork_rng():
            torch.manual_seed(0)
            self.model = torch.nn.Sequential(
                torch.nn.Linear(80, 16),
                torch.nn.BatchNorm1d(16),
                torch.nn.Dropout(0.5),
                torch.nn.Linear(16, len(TOKENS) + 1),
            )
        self.model.eval()

    def _logits(self, speech):
        num_frames = speech.shape[1] // 80
        frames = speech[:, : num_frames * 80].reshape(-1, 80)
        return self.model(4.0 * frames).reshape(len(speech), num_frames, -1)


@pytest.mark.parametrize("frozen", [True, False])
def test_a_model_is_the_same_after_an_attack(frozen):
    """Attacks in training mode moved running statistics, and backward() filled the
    gradients of the weights, so that results hung on the order of the utterances."""
    victim = NormalisedVictim()
    victim.model.requires_grad_(not frozen)
    before = {name: value.clone() for name, value in victim.model.state_dict().items()}
    problem = make_problem(RAGGED, victim=victim)
    first = PGD(steps=5, restarts=2)(problem)
    assert (first.loss_end < first.loss_start).all()
    after = victim.model.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(value, after[name]) for name, value in before.items())
    assert all(parameter.grad is None for parameter in victim.model.parameters())
    assert all(p.requires_grad is not frozen for p in victim.model.parameters())
    assert not any(module.training for module in victim.model.modules())
    again = PGD(steps=5, restarts=2)(problem)
    assert torch.equal(first.delta, again.delta)


def test_an_attack_leaves_the_callers_audio_random_numbers_and_modes_alone():
    problem = make_problem(RAGGED)
    clean, state = problem.ball.clean.clone(), torch.get_rng_state()
    attacked = PGD(steps=5, restarts=2)(problem)
    assert torch.equal(problem.ball.clean, clean)
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.is_grad_enabled()
    assert not attacked.delta.requires_grad and not attacked.loss_end.requires_grad


# -- every attack that there is ----------------------------------------------------

FEW = {"steps": 20, "first_steps": 15, "second_steps": 15, "queries": 20}
OFTEN = {"check_every": 5, "patience": 10}
NEEDED = {"universal": {"fit_data": "x"}, "transfer": {"sources": ("x",)}}
VARIANTS = [
    *((name, {}) for name in ATTACKS),
    ("noise", {"draws": 3}),
    ("gaussian", {"draws": 2}),
    ("fgsm", {"random_start": True}),
    ("pgd", {"random_start": False}),
    ("chain", {"wide": 2.0, "listen_every": 3}),
    ("apgd", {"accumulate": False, "restarts": 2}),
    ("cw", {"penalty": 1e4}),
    ("imperceptible", {"stages": (1,)}),
    ("imperceptible", {"stages": (2,)}),
    ("square", {"share": 1e-6}),
]
every_attack = pytest.mark.parametrize("name, settings", VARIANTS)


def quick(name, settings=(), few=FEW):
    """An attack by name, of a few steps."""
    fields = {field.name for field in dataclasses.fields(ATTACKS[name])}
    given = {**few, **OFTEN, **NEEDED.get(name, {}), **dict(settings)}
    if name == "chain":  # its steps are those of stages
        given |= {"steps": (given["steps"],) * 2, "step_sizes": (0.25, 0.05)}
    return ATTACKS[name](**{key: given[key] for key in given if key in fields})


def any_problem(lengths, norm, budget, *, peak=0.5, silent=(), victim=None):
    """What every attack gets along with: a donor, and something fitted."""
    problem = make_problem(lengths, norm, budget, peak=peak, victim=victim)
    clean = problem.ball.clean.clone()
    clean[list(silent)] = 0.0
    generator = torch.Generator().manual_seed(7)
    return dataclasses.replace(
        problem,
        ball=make_ball(norm, budget, clean, problem.ball.lengths),
        judge=dataclasses.replace(problem.judge, clean=clean),
        donor=lambda: make_problem(lengths, norm, budget, seed=5, victim=victim),
        fitted=0.01 * torch.randn(700, generator=generator),
    )


def check_result(problem, attack):
    ball, state = problem.ball, torch.get_rng_state()
    clean = ball.clean.clone()
    delta = attack(problem).delta
    assert delta.shape == clean.shape and not delta.requires_grad
    assert delta.isfinite().all()
    assert not (delta * (1 - ball.mask)).any()
    assert (ball.size(delta) <= ball.radius * (1 + 1e-5) + 1e-6).all()
    assert (clean + delta).abs().max() <= 1.0 + 1e-6
    assert torch.equal(ball.clean, clean)
    assert torch.equal(torch.get_rng_state(), state)


@every_attack
@pytest.mark.parametrize("norm, budget", BOUNDS)
@pytest.mark.parametrize("lengths", [RAGGED, (800,), (800, 800)])
@pytest.mark.parametrize("silent", [(), (0,)])
def test_any_attack_on_any_batch_keeps_its_bound(
    name, settings, norm, budget, lengths, silent
):
    check_result(
        any_problem(lengths, norm, budget, silent=silent), quick(name, settings)
    )


@every_attack
@hypothesis.settings(max_examples=20, deadline=None)
@given(
    lengths=st.lists(st.integers(400, 900), min_size=1, max_size=3),
    ball=st.sampled_from(
        [("linf", 0.0), ("linf", 1e-5), ("linf", 0.2), ("linf", 2.0), ("l2", 0.0)]
        + [("l2", 1e-5), ("l2", 1.5), ("l2", 100.0), ("snr", 20.0), ("snr", -20.0)]
    ),
    peak=st.sampled_from([0.0, 1e-4, 0.5, 1.0]),
    few=st.integers(1, 8),
)
def test_any_budget_and_any_audio(name, settings, lengths, ball, peak, few):
    attack = quick(name, settings, dict.fromkeys(FEW, few))
    check_result(any_problem(lengths, *ball, peak=peak), attack)


@pytest.mark.parametrize("name", ATTACKS)
def test_any_attack_leaves_the_model_as_it_was(name):
    victim = NormalisedVictim()
    before = {key: value.clone() for key, value in victim.model.state_dict().items()}
    quick(name)(any_problem(RAGGED, "linf", 0.05, victim=victim))
    after = victim.model.state_dict()
    assert all(torch.equal(value, after[key]) for key, value in before.items())
    assert all(parameter.grad is None for parameter in victim.model.parameters())
    assert not any(module.training for module in victim.model.modules())


@every_attack
@pytest.mark.parametrize("norm, budget", BOUNDS)
@pytest.mark.parametrize("victim", [None, ToyVictim()])
def test_any_attack_does_to_an_utterance_the_same_in_any_batch(
    name, settings, norm, budget, victim
):
    """Its norm, its success and its step are its own, not the batch's."""
    problem = any_problem(RAGGED, norm, budget, victim=victim)
    attack = quick(name, settings)
    together = attack(problem)
    for rows in ([0], [2, 1]):
        some = attack(problem.rows(torch.tensor(rows)))
        torch.testing.assert_close(
            some.delta, together.delta[rows], rtol=1e-3, atol=1e-5
        )
        for note, row in zip(some.notes, rows, strict=False):
            for key, value in together.notes[row].items():
                same = value if value is None else pytest.approx(value, 1e-3, 1e-5)
                assert note[key] == same


SEARCHES = ["fgsm", "pgd", "apgd", "cw", "imperceptible", "square"]


@pytest.mark.parametrize("name", SEARCHES)
def test_a_loss_that_is_no_number_spoils_neither_itself_nor_its_mates(name):
    problem = make_problem((800, 800), budget=0.1)

    def half_broken(speech):
        values = problem.loss(speech)
        return torch.stack([values[0], (speech[1] * torch.nan).sum()])

    attacked = quick(name)(dataclasses.replace(problem, loss=half_broken))
    expected = quick(name)(problem)
    torch.testing.assert_close(attacked.delta[0], expected.delta[0])
    assert attacked.delta[0].any() and not attacked.delta[1].any()


@pytest.mark.parametrize("name", SEARCHES)
def test_a_victim_that_hides_its_gradient_does_not_stop_the_attack(name):
    problem = make_problem()
    loss = problem.loss
    hidden = dataclasses.replace(problem, loss=lambda speech: loss(speech.detach()))
    attacked = quick(name)(hidden)
    assert attacked.delta.isfinite().all() and attacked.loss_end.isfinite().all()
