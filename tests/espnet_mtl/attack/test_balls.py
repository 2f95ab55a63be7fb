"""Balls against formulas written out in NumPy, one utterance at a time."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from espnet_mtl.attack.balls import UNBOUNDED, make_ball

BUDGETS = [("linf", 0.01), ("l2", 0.3), ("snr", 20.0)]
UNLIMITED = [("linf", UNBOUNDED), ("l2", 1e4), ("snr", -90.0)]


def pad(rows):
    """Hand-made signals as a batch: audio, (Batch, Samples), and lengths."""
    lengths = [len(row) for row in rows]
    batch = np.zeros((len(rows), max(lengths)), dtype=np.float32)
    for number, row in enumerate(rows):
        batch[number, : len(row)] = row
    return torch.from_numpy(batch), torch.tensor(lengths)


def tones(*lengths, peak=0.5):
    return [
        peak * np.sin(0.3 * np.arange(length) + number)
        for number, length in enumerate(lengths)
    ]


def noise(clean, scale, seed=0):
    """A perturbation of the whole batch, its padding too."""
    generator = torch.Generator().manual_seed(seed)
    return scale * torch.randn(clean.shape, generator=generator)


def project_in_numpy(norm, budget, clean, delta):
    """The formulas, on one utterance in double precision."""
    clean, delta = np.asarray(clean, float), np.asarray(delta, float)
    if norm == "linf":
        delta = np.array([min(max(value, -budget), budget) for value in delta])
    else:
        radius = budget
        if norm == "snr":
            # 10 lg(P_clean / P_delta) = budget, both powers over the same samples
            power = np.mean(clean**2) / 10 ** (budget / 10)
            radius = np.sqrt(power * len(clean))
        length = np.sqrt(np.sum(delta**2))
        if length > radius:
            delta = delta * radius / length
    return np.clip(clean + delta, -1, 1) - clean


@pytest.mark.parametrize("norm, budget", BUDGETS)
@pytest.mark.parametrize("scale", [1e-4, 0.02, 3.0])
@pytest.mark.parametrize("lengths", [(9,), (40, 40), (5, 64, 300, 1)])
def test_a_projection_is_that_of_each_utterance_alone(norm, budget, scale, lengths):
    rows = tones(*lengths, peak=0.9)
    clean, lengths = pad(rows)
    delta = noise(clean, scale)
    expected = [
        project_in_numpy(norm, budget, row, delta[number, : len(row)].numpy())
        for number, row in enumerate(rows)
    ]
    projected = make_ball(norm, budget, clean, lengths).project_(delta)
    assert projected is delta
    for number, row in enumerate(expected):
        found = projected[number].numpy()
        np.testing.assert_allclose(found[: len(row)], row, atol=2e-7)
        assert not found[len(row) :].any()


@pytest.mark.parametrize("norm, budget", BUDGETS)
def test_what_is_inside_stays_and_a_second_projection_changes_nothing(norm, budget):
    clean, lengths = pad(tones(200, 120))
    ball = make_ball(norm, budget, clean, lengths)
    inside = noise(clean, 1e-5) * ball.mask
    assert torch.equal(ball.project_(inside.clone()), inside)
    once = ball.project_(noise(clean, 1.0))
    torch.testing.assert_close(ball.project_(once.clone()), once)


def test_l2_is_that_of_the_whole_utterance_and_not_of_each_sample():
    """A toolkit cut each sample of ragged audio to the radius instead."""
    clean, lengths = pad([np.zeros(400), np.zeros(100)])
    ball = make_ball("l2", 0.05, clean, lengths)
    delta = ball.project_(torch.full_like(clean, 0.04))
    np.testing.assert_allclose(
        np.linalg.norm(delta.numpy().astype(float), axis=1), 0.05, rtol=1e-5
    )
    np.testing.assert_allclose(delta[0].numpy(), 0.05 / 20, rtol=1e-5)
    np.testing.assert_allclose(delta[1, :100].numpy(), 0.05 / 10, rtol=1e-5)


def test_a_single_large_sample_may_spend_the_whole_l2_radius():
    clean, lengths = pad([np.zeros(8)])
    delta = torch.zeros_like(clean)
    delta[0, 3] = 0.04
    ball = make_ball("l2", 0.05, clean, lengths)
    assert torch.equal(ball.project_(delta.clone()), delta)


@pytest.mark.parametrize("decibels", [-3.0, 0.0, 10.0, 40.0])
def test_snr_is_that_of_each_utterance_in_a_batch(decibels):
    """A toolkit crashed for more than one utterance, another took dB for a ratio."""
    rows = [0.4 * np.ones(50), tones(300, peak=0.01)[0], np.r_[0.5, np.zeros(99)]]
    clean, lengths = pad(rows)
    ball = make_ball("snr", decibels, clean, lengths)
    delta = ball.project_(noise(clean, 0.4)).numpy().astype(float)
    assert ball.radius.shape == (3,) and len(ball) == 3
    for number, row in enumerate(rows):
        own = delta[number, : len(row)]
        if np.abs(row + own).max() < 1.0:  # where the box cuts nothing off
            ratio = np.sum(np.square(row)) / np.sum(np.square(own))
            assert 10 * np.log10(ratio) == pytest.approx(decibels, abs=1e-3)
        else:
            assert np.linalg.norm(own) < ball.radius[number]


def test_the_snr_radius_is_the_same_with_any_padding():
    rng = np.random.default_rng(0)
    audio = rng.uniform(-0.9, 0.9, 9001)
    alone = make_ball("snr", 20.0, *pad([audio])).radius[0]
    expected = np.linalg.norm(audio.astype(np.float32).astype(float)) / 10
    assert alone.item() == pytest.approx(expected, rel=1e-6)
    for more in (1, 2, 5, 30, 999, 20000):
        mate = np.zeros(len(audio) + more)
        assert make_ball("snr", 20.0, *pad([audio, mate])).radius[0] == alone


def test_silence_has_no_snr_radius_and_no_step_is_not_a_number():
    clean, lengths = pad([np.zeros(30), tones(50)[0]])
    ball = make_ball("snr", 20.0, clean, lengths)
    assert ball.radius[0] == 0.0 and ball.radius[1] > 0.0
    for delta in (noise(clean, 0.1), torch.zeros_like(clean), ball.random([1, 2])):
        projected = ball.project_(delta)
        assert projected.isfinite().all() and not projected[0].any()
    assert (ball.size(torch.zeros_like(clean)) == 0.0).all()


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_a_radius_of_zero_leaves_nothing(norm):
    clean, lengths = pad(tones(20, 30))
    ball = make_ball(norm, 0.0, clean, lengths)
    assert not ball.project_(noise(clean, 1.0)).any()
    assert not ball.random([1, 2]).any()


@pytest.mark.parametrize(
    "norm, budget", [("linf", UNBOUNDED), ("l2", 1e4), ("snr", -90)]
)
def test_audio_stays_in_range_however_large_the_radius(norm, budget):
    clean, lengths = pad([[1.0, -1.0, 0.5, 0.0], [-1.0, 1.0]])
    ball = make_ball(norm, budget, clean, lengths)
    for sign in (1.0, -1.0):
        attacked = clean + ball.project_(torch.full_like(clean, 7.0 * sign))
        assert attacked[0].tolist() == [sign] * 4
        assert attacked[1].tolist() == [sign, sign, 0.0, 0.0]


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_audio_beyond_full_scale_is_not_pushed_further_nor_pulled_back(norm):
    """Such a sample gets no perturbation outwards, and one inwards only if asked."""
    clean, lengths = pad([[1.0 + 1e-4, 0.0]])
    ball = make_ball(norm, 0.01, clean, lengths)
    assert ball.project_(torch.tensor([[0.005, 0.0]])).tolist() == [[0.0, 0.0]]
    assert ball.project_(torch.zeros(1, 2)).tolist() == [[0.0, 0.0]]


@settings(max_examples=100, deadline=None)
@given(
    lengths=st.lists(st.integers(1, 60), min_size=1, max_size=4),
    norm_and_budget=st.sampled_from([*BUDGETS, ("linf", 1e-6), ("l2", 50.0)]),
    peak=st.sampled_from([0.0, 1e-30, 1e-4, 1.0]),
    scale=st.sampled_from([0.0, 1e-30, 1e-3, 1.0, 1e30]),
)
def test_every_projection_is_in_the_ball_in_range_and_in_the_audio(
    lengths, norm_and_budget, peak, scale
):
    clean, lengths = pad(tones(*lengths, peak=peak))
    ball = make_ball(*norm_and_budget, clean, lengths)
    delta = ball.project_(noise(clean, scale))
    assert delta.isfinite().all()
    assert (ball.size(delta) <= ball.radius * (1 + 1e-5)).all()
    assert (clean + delta).abs().max() <= 1.0 + 1e-6
    assert not delta[ball.mask == 0.0].any()


@pytest.mark.parametrize("norm", ["linf", "l2"])
@pytest.mark.parametrize("scale", [0.0, 1e-42, 1e-30, 1.0, 1e18, 1e30])
def test_a_direction_has_length_1_for_tiny_and_for_huge_gradients(norm, scale):
    clean, lengths = pad(tones(50, 20))
    ball = make_ball(norm, 0.01, clean, lengths)
    gradient = noise(clean, 1.0).sign() * scale * ball.mask
    expected = np.sign(gradient.numpy().astype(float))
    if norm == "l2":
        expected /= np.sqrt(np.maximum((expected**2).sum(axis=1, keepdims=True), 1.0))
    # What is as good as zero is not scaled to length 1 from a few bits.
    near_zero = norm == "l2" and 0.0 < scale < 1e-38
    direction = ball.direction_(gradient)
    assert direction.isfinite().all()
    assert not direction[ball.mask == 0.0].any()
    if not near_zero:
        np.testing.assert_allclose(direction.numpy(), expected, rtol=1e-5, atol=0)


def test_the_l2_direction_is_the_gradient_over_its_norm():
    clean, lengths = pad(tones(50, 20))
    ball = make_ball("l2", 0.01, clean, lengths)
    gradient = noise(clean, 1.0)  # in the padding too, which must not count
    rows = [gradient[0].numpy().copy(), gradient[1, :20].numpy().copy()]
    direction = ball.direction_(gradient).numpy()
    np.testing.assert_allclose(
        direction[0], rows[0] / np.linalg.norm(rows[0]), rtol=1e-5
    )
    np.testing.assert_allclose(
        direction[1, :20], rows[1] / np.linalg.norm(rows[1]), rtol=1e-5
    )
    assert not direction[1, 20:].any()


@pytest.mark.parametrize("norm, budget", BUDGETS)
def test_a_step_of_steepest_ascent_is_the_best_of_its_length(norm, budget):
    """No other point of the ball has a larger product with the gradient."""
    clean, lengths = pad(tones(60, 33))
    ball = make_ball(norm, budget, clean, lengths)
    gradient = noise(clean, 1.0) * ball.mask
    step = ball.direction_(gradient.clone()) * ball.radius[:, None]
    gain = (step * gradient).sum(dim=1)
    for seed in range(20):
        other = ball.project_(noise(clean, 1.0, seed=seed + 1))
        assert ((other * gradient).sum(dim=1) <= gain).all()


@pytest.mark.parametrize("norm, budget", BUDGETS)
def test_a_random_point_depends_on_its_seed_and_on_no_batch_mate(norm, budget):
    rows = tones(50, 300, 120, peak=0.3)
    ball = make_ball(norm, budget, *pad(rows))
    together = ball.random([3, 4, 5])
    for number, row in enumerate(rows):
        alone = make_ball(norm, budget, *pad([row])).random([3 + number])
        torch.testing.assert_close(alone[0], together[number, : len(row)])
        assert not together[number, len(row) :].any()
    turned = make_ball(norm, budget, *pad(rows[::-1])).random([5, 4, 3])
    torch.testing.assert_close(turned.flip(0), together)
    same_length = make_ball(norm, budget, *pad([rows[0], rows[0]]))
    one, other = same_length.random([3, 4])
    assert not torch.equal(one, other)


def test_random_points_fill_the_cube_and_the_sphere():
    clean, lengths = pad([np.zeros(20000), np.zeros(5000)])
    cube = make_ball("linf", 0.01, clean, lengths).random([1, 2])
    for row, length in enumerate([20000, 5000]):
        own = cube[row, :length].numpy()
        assert np.abs(own).max() <= 0.01 * (1 + 1e-6)
        # A uniform variable's mean is 0 and its standard deviation 1/sqrt(3).
        assert np.std(own) == pytest.approx(0.01 / np.sqrt(3), rel=0.03)
        assert abs(np.mean(own)) < 0.0005
    sphere = make_ball("l2", 0.3, clean, lengths).random([1, 2])
    np.testing.assert_allclose(np.linalg.norm(sphere.numpy(), axis=1), 0.3, rtol=1e-5)


def test_sizes_are_norms_over_the_utterance():
    clean, lengths = pad(tones(3, 2))
    delta = torch.tensor([[0.1, -0.4, 0.2], [0.3, -0.4, 0.0]])
    linf = make_ball("linf", 1.0, clean, lengths).size(delta)
    np.testing.assert_allclose(linf.numpy(), [0.4, 0.4], rtol=1e-6)
    expected = [np.sqrt(0.21), 0.5]
    for norm in ("l2", "snr"):
        found = make_ball(norm, 1.0, clean, lengths).size(delta)
        np.testing.assert_allclose(found.numpy(), expected, rtol=1e-6)


@pytest.mark.parametrize("norm, budget", BUDGETS)
def test_other_radii_and_chosen_utterances_make_the_same_balls(norm, budget):
    rows = tones(50, 30, 20)
    ball = make_ball(norm, budget, *pad(rows))
    delta = noise(ball.clean, 0.5)

    halved = ball.with_radius(ball.radius / 2).project_(delta.clone())
    assert (ball.size(halved) <= ball.radius / 2 * (1 + 1e-5)).all()
    assert (ball.size(ball.project_(delta.clone())) > 0.9 * ball.radius).all()

    chosen = ball.rows(torch.tensor([2, 0]))
    assert chosen.lengths.tolist() == [20, 50]
    assert torch.equal(chosen.radius, ball.radius[[2, 0]])
    torch.testing.assert_close(
        chosen.project_(delta[[2, 0]]), ball.project_(delta.clone())[[2, 0]]
    )


def test_an_unknown_norm_is_named():
    with pytest.raises(ValueError, match="l1: no such norm; choose from linf, l2, snr"):
        make_ball("l1", 1.0, *pad(tones(10)))
