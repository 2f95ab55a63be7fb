"""Distances of signals, by closed formulas and by other people's code."""

import math

import fast_bss_eval
import numpy as np
import pytest
from asr_attacks.metrics import db_distortion
from hypothesis import given, settings
from hypothesis import strategies as st

from espnet_mtl.attack.quantise import FULL_SCALE
from espnet_mtl.metrics.distortion import l2, peak_snr_db, segmental_snr_db, snr_db

RATE = 16000


def tone(amplitude, cycles, samples=RATE, phase=0.0):
    turns = cycles * np.arange(samples) / samples
    return amplitude * np.cos(2 * np.pi * turns + phase)


@pytest.mark.parametrize("ratio_db", [-3.0, 0.0, 19.96, 20.04, 60.0])
def test_a_tone_over_another_has_the_ratio_of_their_amplitudes(ratio_db):
    """Whole periods at any frequency and phase; peaks are hit by both."""
    clean = tone(0.5, 440)
    change = tone(0.5 * 10 ** (-ratio_db / 20), 1000)
    attacked = clean + change
    assert snr_db(clean, attacked) == pytest.approx(ratio_db, abs=1e-9)
    assert peak_snr_db(clean, attacked) == pytest.approx(ratio_db, abs=1e-9)
    frames_db = min(ratio_db, 35)
    assert segmental_snr_db(clean, attacked, RATE) == pytest.approx(frames_db, abs=0.05)
    # A tone's energy is half its amplitude squared, a sample.
    amplitude = 0.5 * 10 ** (-ratio_db / 20)
    assert l2(clean, attacked) == pytest.approx(amplitude * math.sqrt(RATE / 2))


def test_an_outlier_moves_the_peak_ratio_and_not_the_snr():
    """Ratios of peaks, sold as SNR, are 14 dB off here."""
    clean = tone(0.5, 440)
    change = tone(0.005, 1000)
    outlier = change.copy()
    outlier[5] = 0.025
    energy = RATE * 0.005**2 / 2 - change[5] ** 2 + 0.025**2
    expected = 10 * math.log10(RATE * 0.5**2 / 2 / energy)
    assert snr_db(clean, clean + outlier) == pytest.approx(expected, abs=1e-9)
    assert 39.97 < expected < 40
    assert peak_snr_db(clean, clean + change) == pytest.approx(40, abs=1e-6)
    assert peak_snr_db(clean, clean + outlier) == pytest.approx(
        20 * math.log10(20), abs=1e-6
    )


@pytest.mark.parametrize("distance", [snr_db, peak_snr_db, l2])
def test_a_perturbation_that_is_only_negative_is_as_large_as_its_mirror(distance):
    """A maximum without magnitudes is 0 or less here, and its logarithm is nothing."""
    clean = tone(0.5, 440)
    change = 0.01 + tone(0.01, 3)
    down, up = distance(clean, clean - change), distance(clean, clean + change)
    assert down == pytest.approx(up, abs=1e-9)
    assert math.isfinite(down)
    assert segmental_snr_db(clean, clean - change, RATE) == pytest.approx(
        segmental_snr_db(clean, clean + change, RATE), abs=1e-9
    )


@pytest.mark.parametrize("sign", [1, -1])
def test_clean_audio_with_peaks_on_one_side_only(sign):
    clean = -sign * (0.3 + tone(0.2, 440))
    change = tone(0.005, 1000)
    assert peak_snr_db(clean, clean + change) == pytest.approx(40, abs=1e-6)
    energy = 0.3**2 + 0.2**2 / 2
    assert snr_db(clean, clean + change) == pytest.approx(
        10 * math.log10(energy / (0.005**2 / 2)), abs=1e-9
    )


def test_rounding_a_full_tone_to_16_bits_leaves_98_db():
    """Quantisation noise of B bits is 6.02 B + 1.76 dB below a full tone."""
    clean = tone(1 - 2**-14, 441.7, phase=0.3)
    attacked = np.rint(clean * FULL_SCALE) / FULL_SCALE
    expected = 20 * math.log10(2) * 16 + 10 * math.log10(1.5)
    assert snr_db(clean, attacked) == pytest.approx(expected, abs=0.1)


@given(st.floats(0.01, 0.9), st.floats(1e-5, 0.9), st.integers(0, 2**32 - 1))
def test_peaks_are_as_asr_attacks_has_them(signal, noise, seed):
    """Carlini and Wagner's dB: the other way round."""
    rng = np.random.default_rng(seed)
    clean = signal * rng.uniform(-1, 1, 300)
    attacked = clean + noise * rng.uniform(-1, 1, 300)
    assert peak_snr_db(clean, attacked) == pytest.approx(
        -db_distortion(clean, attacked), abs=1e-6
    )


@given(st.floats(-20, 60), st.integers(1, 7900), st.integers(1, 7900))
def test_snr_is_fast_bss_evals_where_the_perturbation_is_orthogonal(ratio, one, two):
    """Its SI-SDR first fits a gain, which is 1 then."""
    if one == two:
        two += 1
    clean = tone(0.5, one)
    attacked = clean + tone(0.5 * 10 ** (-ratio / 20), two)
    theirs = fast_bss_eval.si_sdr(clean[None], attacked[None])
    assert snr_db(clean, attacked) == pytest.approx(float(theirs[0]), abs=1e-4)


def segmental_by_the_book(clean, change, rate):
    """Frame by frame, as the definition reads."""
    frame, hop = 32 * rate // 1000, 16 * rate // 1000
    ratios, start = [], 0
    while True:
        signal = sum(x * x for x in clean[start : start + frame].tolist())
        noise = sum(x * x for x in change[start : start + frame].tolist())
        if noise and signal:
            ratio = 10 * math.log10(signal / noise)
            ratios.append(min(max(ratio, -10.0), 35.0))
        elif noise or signal:
            ratios.append(-10.0 if noise else 35.0)
        start += hop
        if start + frame - hop >= len(clean):
            return sum(ratios) / len(ratios)


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 3000), st.integers(0, 2**32 - 1), st.sampled_from([8000, 16000]))
def test_segmental_snr_by_the_book(samples, seed, rate):
    """Loud and quiet stretches, silent ones, and stretches that are left alone."""
    rng = np.random.default_rng(seed)
    stretch = 1 + samples // 6
    loudness = np.repeat(rng.choice([0.0, 1e-3, 0.5], 6), stretch)[:samples]
    strength = np.repeat(rng.choice([0.0, 1e-4, 1e-1], 6), stretch)[:samples]
    clean = np.rint(loudness * rng.uniform(-1, 1, samples) * 2**20) / 2**20
    change = np.rint(strength * rng.uniform(-1, 1, samples) * 2**20) / 2**20
    attacked = clean + change
    if not change.any():
        assert segmental_snr_db(clean, attacked, rate) == math.inf
    else:
        assert segmental_snr_db(clean, attacked, rate) == pytest.approx(
            segmental_by_the_book(clean, change, rate), abs=1e-6
        )
