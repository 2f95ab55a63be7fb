import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from espnet_mtl.attack.balls import L2Ball, LinfBall
from espnet_mtl.attack.quantise import FULL_SCALE, FileFormat, quantise

LEVELS = st.lists(st.integers(-32768, 32767), min_size=1, max_size=50)


@settings(max_examples=100, deadline=None)
@given(clean=LEVELS, epsilon=st.floats(0.0, 0.1), seed=st.integers(0, 1000))
def test_sixteen_bit_audio_stays_within_the_budget_exactly(clean, epsilon, seed):
    levels = np.array(clean)
    audio = (levels / FULL_SCALE).astype(np.float32)
    wish = audio + np.random.default_rng(seed).uniform(-1, 1, len(levels)) * epsilon
    saved = quantise(audio, wish, "linf", epsilon)
    assert saved.dtype == np.int16
    assert np.abs(saved.astype(int) - levels).max() <= epsilon * FULL_SCALE + 1e-6


@settings(max_examples=200, deadline=None)
@given(
    clean=LEVELS,
    radius=st.floats(0.0, 0.01) | st.floats(0.0, 5 / FULL_SCALE),
    seed=st.integers(0, 1000),
)
def test_sixteen_bit_audio_stays_within_an_l2_ball(clean, radius, seed):
    levels = np.array(clean)
    audio = (levels / FULL_SCALE).astype(np.float32)
    change = np.random.default_rng(seed).standard_normal(len(levels))
    change *= radius / np.linalg.norm(change)
    saved = quantise(audio, audio + change, "l2", radius).astype(int)
    assert np.linalg.norm(saved - levels) <= radius * FULL_SCALE * (1 + 1e-6) + 1e-6


def test_what_fits_the_ball_is_only_rounded():
    audio = np.zeros(4, np.float32)
    wish = np.array([3.4, -2.6, 0.2, 0.0]) / FULL_SCALE
    for norm in ("linf", "l2"):
        assert quantise(audio, wish, norm, 1.0).tolist() == [3, -3, 0, 0]


def test_an_l2_ball_takes_back_as_little_as_it_can():
    audio = np.zeros(3, np.float32)
    wish = np.array([3.6, 1.4, 0.6]) / FULL_SCALE  # rounds to 4, 1, 1: length 4.24
    saved = quantise(audio, wish, "l2", 4.0 / FULL_SCALE)
    assert saved.tolist() == [3, 1, 1]


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_clean_audio_between_two_levels_is_rounded_when_the_ball_has_none(norm):
    audio = np.array([0.4, -0.4, 7.3], np.float32) / FULL_SCALE
    saved = quantise(audio, audio, norm, 0.01 / FULL_SCALE)
    assert saved.tolist() == [0, 0, 7]


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_full_scale_does_not_wrap_around(norm):
    audio = np.array([1.0, -1.0], np.float32)
    assert quantise(audio, audio, norm, 0.1).tolist() == [32767, -32768]


@pytest.mark.parametrize("levels", [0.5, 1.0, 7.5, 7.9999959, 8.0, 32.768, 131.072])
def test_a_ball_shrinks_to_what_a_file_keeps_of_it(levels):
    radius = torch.tensor([levels, levels]) / FULL_SCALE
    clean = torch.tensor([[100.0, -7.0], [100.25, -7.0]]) / FULL_SCALE
    ball = LinfBall(clean, torch.tensor([2, 2]), radius)
    kept = FileFormat().ball(ball)
    far = clean[0].numpy() + 0.1
    saved = quantise(clean[0].numpy(), far, "linf", float(radius[0]))
    assert kept.radius[0] * FULL_SCALE == saved[0] - 100
    # From between the levels, other changes can be saved.
    assert kept.radius[1] == radius[1]
    loud = L2Ball(clean, ball.lengths, radius)
    assert FileFormat().ball(loud) is loud
    assert FileFormat("float32").ball(ball) is ball
