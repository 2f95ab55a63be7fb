"""Distances of signals whose distances are known."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from espnet_mtl.metrics.distortion import (
    l2,
    linf,
    measure_distortion,
    peak_snr_db,
    segmental_snr_db,
    snr_db,
)

RATE = 8000
FRAME, HOP = 256, 128


def sine(amplitude, samples=8000, cycles=1000):
    return amplitude * np.sin(2 * np.pi * cycles * np.arange(samples) / samples)


def test_linf_and_l2_of_one_changed_sample():
    clean = sine(0.5)
    attacked = clean.copy()
    attacked[17] -= 0.25
    assert linf(clean, attacked) == pytest.approx(0.25)
    assert l2(clean, attacked) == pytest.approx(0.25)


def test_l2_grows_with_the_length():
    assert l2(np.zeros(400), np.full(400, 0.1)) == pytest.approx(2.0)


def test_snr_of_a_sine_under_constant_offset():
    # Powers: 0.5 ** 2 / 2 and 0.05 ** 2
    expected = 10 * math.log10(0.125 / 0.0025)
    assert snr_db(sine(0.5), sine(0.5) + 0.05) == pytest.approx(expected)


def test_peak_snr_counts_magnitudes():
    clean, change = np.zeros(100), np.zeros(100)
    clean[3], change[80] = -0.8, -0.08
    assert peak_snr_db(clean, clean + change) == pytest.approx(20)


def test_segmental_snr_of_even_noise_is_the_snr():
    clean = sine(0.5)
    assert segmental_snr_db(clean, 1.1 * clean, RATE) == pytest.approx(20)


def test_segmental_snr_clips_each_frame():
    """One frame at 50 dB and one at -40 dB; a third overlaps both."""
    clean = np.full(2 * FRAME, 0.1)
    change = np.concatenate([np.full(FRAME, 0.1 * 10**-2.5), np.full(FRAME, 10.0)])
    middle = 10 * math.log10(2 * 0.01 / (0.01 * 10**-5 + 100))
    assert middle < -10
    expected = (35 - 10 - 10) / 3
    assert segmental_snr_db(clean, clean + change, RATE) == pytest.approx(expected)


def test_segmental_snr_differs_from_snr_for_uneven_noise():
    clean = np.full(2 * FRAME, 0.1)
    change = np.concatenate([np.full(FRAME, 0.01), np.full(FRAME, 0.1)])
    middle = 10 * math.log10(0.02 / 0.0101)
    expected = (20 + middle + 0) / 3
    assert segmental_snr_db(clean, clean + change, RATE) == pytest.approx(expected)
    assert snr_db(clean, clean + change) == pytest.approx(middle)


def test_segmental_snr_hears_the_last_samples():
    clean = np.full(FRAME + 10, 0.1)
    attacked = clean.copy()
    attacked[-1] += 0.1
    # The whole frame is untouched (35 dB); the last holds HOP + 10 true samples.
    expected = (35 + 10 * math.log10(HOP + 10)) / 2
    assert segmental_snr_db(clean, attacked, RATE) == pytest.approx(expected)


def test_segmental_snr_leaves_out_frames_without_any_sound():
    clean = np.concatenate([np.full(FRAME, 0.1), np.zeros(10 * FRAME)])
    change = np.concatenate([np.full(FRAME, 0.01), np.zeros(10 * FRAME)])
    assert segmental_snr_db(clean, clean + change, RATE) == pytest.approx(20)


def test_audio_shorter_than_a_frame():
    clean = np.array([0.1, -0.1, 0.1])
    assert segmental_snr_db(clean, clean * 1.1, RATE) == pytest.approx(20)


@pytest.mark.parametrize("clean", [sine(0.5), np.zeros(1000)])
def test_no_perturbation_is_infinitely_far_below(clean):
    for ratio in (snr_db, peak_snr_db):
        assert ratio(clean, clean.copy()) == math.inf
    assert segmental_snr_db(clean, clean.copy(), RATE) == math.inf


def test_silent_clean_audio():
    silence, noise = np.zeros(1000), np.full(1000, 0.1)
    assert snr_db(silence, noise) == -math.inf
    assert peak_snr_db(silence, noise) == -math.inf
    assert segmental_snr_db(silence, noise, RATE) == -10


def test_infinite_ratios_are_none_in_records():
    assert measure_distortion(sine(0.5), sine(0.5), RATE) == {
        "linf": 0.0,
        "l2": 0.0,
        "snr_db": None,
        "segsnr_db": None,
        "peak_snr_db": None,
    }


def test_float32_audio_is_measured_in_float64():
    clean = np.full(100_000, 0.5, dtype=np.float32)
    attacked = clean + np.float32(2**-12)
    assert l2(clean, attacked) == pytest.approx(2**-12 * math.sqrt(100_000), rel=1e-9)


@given(st.floats(1e-4, 0.9), st.floats(1e-4, 0.9), st.integers(1, 2000))
def test_ratios_follow_the_amplitudes(signal, noise, samples):
    clean = np.full(samples, signal)
    values = measure_distortion(clean, clean + noise, RATE)
    expected = 20 * math.log10(signal / noise)
    assert values["snr_db"] == pytest.approx(expected, abs=1e-6)
    assert values["peak_snr_db"] == pytest.approx(expected, abs=1e-6)
    assert values["segsnr_db"] == pytest.approx(np.clip(expected, -10, 35), abs=1e-6)


@pytest.mark.parametrize(
    "clean, attacked, message",
    [
        (np.zeros(3), np.zeros(4), r"\(3,\) .* \(4,\) are not two signals"),
        (np.zeros((2, 3)), np.zeros((2, 3)), r"\(2, 3\) are not two signals"),
        (np.zeros(0), np.zeros(0), r"\(0,\) are not two signals"),
        (np.zeros(1), np.full(1, np.nan), "a sample is not finite"),
    ],
)
def test_what_is_no_pair_of_signals(clean, attacked, message):
    with pytest.raises(ValueError, match=message):
        snr_db(clean, attacked)
