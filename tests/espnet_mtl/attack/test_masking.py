"""The masking threshold against a second one, written with loops, and known values."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from espnet_mtl.attack.masking import (
    Masking,
    hertz_to_bark,
    spread,
    threshold_in_quiet,
    window_size,
)

RATE = 16000
SIZE = 2048


def tone(*parts, seconds=0.5, rate=RATE):
    """A sum of sines, each (frequency, amplitude)."""
    time = np.arange(round(seconds * rate)) / rate
    return sum(amp * np.sin(2 * np.pi * freq * time) for freq, amp in parts)


def noise(samples=6000, amplitude=0.1, seed=0):
    """Something like speech: tones that come and go, and noise."""
    rng = np.random.default_rng(seed)
    swell = np.sin(np.arange(samples) * 3e-4) ** 2
    voice = tone((150, 0.2), (300, 0.3), (450, 0.1), (2300, 0.05), seconds=1)[:samples]
    return voice * swell + amplitude * rng.standard_normal(samples) * (1 - swell)


def masking(audio, rate=RATE):
    audio = torch.tensor(np.asarray(audio), dtype=torch.float32)[None]
    return Masking(audio, torch.tensor([audio.shape[1]]), rate)


# The second implementation


def power_by_loops(audio, size):
    """|DFT|^2 of windows around every quarter of a window, zeros beyond the audio."""
    hop, half = size // 4, size // 2
    window = [0.5 - 0.5 * math.cos(2 * math.pi * n / size) for n in range(size)]
    padded = np.concatenate([np.zeros(half), audio, np.zeros(size)])
    rows = []
    for frame in range(len(audio) // hop + 1):
        part = padded[frame * hop : frame * hop + size]
        rows.append(8 / 3 * np.abs(np.fft.fft(part * window)[: half + 1] / size) ** 2)
    return np.array(rows)


def bark(frequency):
    return 13 * math.atan(0.00076 * frequency) + 3.5 * math.atan(
        (frequency / 7500.0) ** 2
    )


def quiet(frequency):
    f = max(frequency, 20.0) / 1000
    return 3.64 * f**-0.8 - 6.5 * math.exp(-0.6 * (f - 3.3) ** 2) + 1e-3 * f**4


def threshold_by_loops(audio, rate, size):
    power = power_by_loops(audio, size)
    frequencies = [k * rate / size for k in range(size // 2 + 1)]
    places = [bark(f) for f in frequencies]
    rows = []
    for row in power / power.max() * 10**9.6:
        maskers = []
        for k in range(1, len(row) - 1):
            level = 10 * math.log10(max(row[k - 1] + row[k] + row[k + 1], 1e-99))
            if row[k - 1] < row[k] >= row[k + 1] and level > quiet(frequencies[k]):
                maskers.append((places[k], level))
        kept = []
        for place, level in maskers:
            others = [lev for near, lev in maskers if abs(near - place) < 0.5]
            if level == max(others):
                kept.append((place, level))
        thresholds = []
        for place, frequency in zip(places, frequencies, strict=True):
            total = 10 ** (quiet(frequency) / 10)
            for own, level in kept:
                away = place - own
                slope = 27.0 if away <= 0 else -27.0 + 0.37 * max(level - 40.0, 0.0)
                total += 10 ** ((level - 6.025 - 0.275 * own + slope * away) / 10)
            thresholds.append(10 * math.log10(total))
        rows.append(thresholds)
    return np.array(rows)


@pytest.mark.parametrize(
    "audio",
    [
        tone((1000, 0.5), seconds=0.2),
        tone((1000, 0.5), (1100, 0.4), (3000, 0.01), (5000, 1e-5), seconds=0.2),
        noise(),
        noise(700),
        0.001 * noise(3000, seed=1),
    ],
)
def test_the_threshold_is_that_of_a_second_implementation(audio):
    audio = audio.astype(np.float32).astype(np.float64)
    expected = threshold_by_loops(audio, RATE, SIZE)
    ours = masking(audio)
    assert ours.threshold.shape[1:] == expected.shape
    np.testing.assert_allclose(ours.threshold[0].numpy(), expected, atol=0.01)


@pytest.mark.parametrize("rate", [8000, 22050, 44100])
def test_any_rate_is_the_same_to_it(rate):
    audio = tone((700, 0.3), (2500, 0.1), seconds=0.15, rate=rate).astype(np.float32)
    expected = threshold_by_loops(audio.astype(float), rate, window_size(rate))
    ours = masking(audio, rate).threshold[0]
    np.testing.assert_allclose(ours.numpy(), expected, atol=0.01, rtol=1e-4)


def test_windows_are_about_an_eighth_of_a_second():
    assert [window_size(rate) for rate in (8000, 16000, 44100)] == [1024, 2048, 4096]
    assert window_size(10) == 8


def test_an_excess_is_the_mean_over_what_is_above_the_threshold():
    audio = noise()
    delta = 0.02 * np.random.default_rng(1).standard_normal(len(audio))
    gain = 10**9.6 / power_by_loops(audio, SIZE).max()
    levels = 10 * np.log10(power_by_loops(delta, SIZE) * gain)
    above = (levels - threshold_by_loops(audio, RATE, SIZE)).clip(min=0)
    ours = masking(audio)
    delta = torch.tensor(delta, dtype=torch.float32)[None]
    np.testing.assert_allclose(ours.levels(delta)[0].numpy(), levels, atol=0.01)
    assert ours.excess(delta).item() == pytest.approx(above.mean(), rel=1e-4)
    assert ours.excess(delta).item() > 1.0


# Published values and properties


def test_published_values_of_bark_and_of_the_threshold_in_quiet():
    """The critical bands of Zwicker 1961: their edges in Hz and their numbers."""
    edges = {100: 1, 510: 5, 1080: 9, 2000: 13, 3150: 16, 6400: 20, 9500: 22}
    for frequency, number in edges.items():
        place = hertz_to_bark(torch.tensor(float(frequency))).item()
        assert place == pytest.approx(number, abs=0.25)
    assert hertz_to_bark(torch.tensor(1000.0)).item() == pytest.approx(8.51, abs=0.01)
    levels = threshold_in_quiet(torch.tensor([1000.0, 3300.0, 100.0, 16000.0, 0.0]))
    assert levels[0].item() == pytest.approx(3.37, abs=0.01)
    # 3.64 * 3.3 ** -0.8 - 6.5 + 0.001 * 3.3 ** 4
    assert levels[1].item() == pytest.approx(-4.98, abs=0.01)
    assert levels[2].item() == pytest.approx(22.95, abs=0.05)
    assert levels[3].item() == pytest.approx(65.9, abs=0.1)
    assert levels[4].isfinite()


def test_masking_falls_off_slower_upwards_and_the_slower_the_louder():
    away = torch.tensor([-2.0, -1.0, 0.0, 1.0, 2.0])
    quiet_masker = spread(away, torch.tensor(30.0)).tolist()
    assert quiet_masker == pytest.approx([-54.0, -27.0, 0.0, -27.0, -54.0])
    loud_masker = spread(away, torch.tensor(90.0)).tolist()
    assert loud_masker == pytest.approx([-54.0, -27.0, 0.0, -8.5, -17.0])


def test_a_tone_of_1_khz_masks_around_itself_and_more_above_than_below():
    """By hand: 96 dB and its two neighbours, each 6 dB lower, are 97.76 dB."""
    ours = masking(tone((1000, 0.1), seconds=1.0))
    middle = ours.threshold[0, ours.threshold.shape[1] // 2]
    expected = 97.76 - 6.025 - 0.275 * 8.51
    peak = round(1000 * SIZE / RATE)
    assert middle.argmax().item() == peak
    assert middle[peak].item() == pytest.approx(expected, abs=0.02)
    place = hertz_to_bark(torch.arange(SIZE // 2 + 1) * RATE / SIZE)
    below = middle[(place - (place[peak] - 2)).abs().argmin()]
    above = middle[(place - (place[peak] + 2)).abs().argmin()]
    assert below.item() == pytest.approx(expected - 54, abs=1.5)
    assert above.item() == pytest.approx(expected - 2 * (27 - 0.37 * 57.76), abs=0.5)


def test_a_tone_is_heard_above_the_masker_s_threshold_only():
    loud = (1000, 0.1)
    ours = masking(tone(loud, seconds=0.5))
    middle = ours.threshold.shape[1] // 2
    # 200 Hz above: about 96 dB - 20 dB is masked, and -5 dB is not.
    for amplitude, heard in ((0.1 * 10 ** (-40 / 20), False), (0.056, True)):
        probe = torch.tensor(tone((1200, amplitude))).float()[None]
        above = ours.levels(probe)[0, middle] > ours.threshold[0, middle]
        assert bool(above[round(1200 * SIZE / RATE)]) == heard
    assert not ours.excess(torch.zeros(1, 8000)).any()


# Batches, gradients, edges


def test_an_utterance_has_the_same_threshold_alone_and_in_a_batch():
    audios = [noise(n, seed=n) for n in (6000, 4100, 300)]
    clean = torch.zeros(3, 6000)
    delta = torch.zeros(3, 6000)
    for row, audio in enumerate(audios):
        clean[row, : len(audio)] = torch.tensor(audio)
        delta[row, : len(audio)] = 0.02 * torch.tensor(noise(len(audio), 1.0, 9))
    together = Masking(clean, torch.tensor([6000, 4100, 300]), RATE)
    for row, audio in enumerate(audios):
        alone = masking(audio)
        frames = alone.threshold.shape[1]
        assert together.frames[row].tolist() == [1.0] * frames + [0.0] * (12 - frames)
        torch.testing.assert_close(
            together.threshold[row, :frames], alone.threshold[0], atol=1e-2, rtol=0
        )
        torch.testing.assert_close(
            together.excess(delta)[row : row + 1],
            alone.excess(delta[row : row + 1, : len(audio)]),
            rtol=1e-4,
            atol=1e-5,
        )


def test_the_excess_falls_along_its_gradient_and_has_none_where_nothing_is_heard():
    ours = masking(noise())
    loud = 0.05 * torch.randn(1, 6000, generator=torch.Generator().manual_seed(0))
    loud.requires_grad_(True)
    before = ours.excess(loud)
    (gradient,) = torch.autograd.grad(before, loud)
    assert gradient.isfinite().all()
    step = 1e-3 * gradient / gradient.norm()
    change = (ours.excess(loud + step) - ours.excess(loud - step)).item() / 2
    assert change == pytest.approx(1e-3 * gradient.norm().item(), rel=0.05)
    silent = torch.zeros(1, 6000, requires_grad=True)
    assert not torch.autograd.grad(ours.excess(silent), silent)[0].any()


def test_the_threshold_goes_with_the_audio_and_not_with_its_volume():
    audio = noise()
    delta = torch.full((1, len(audio)), 0.0) + torch.tensor(noise(seed=3)).float()
    loud, faint = masking(audio), masking(audio * 0.01)
    torch.testing.assert_close(loud.threshold, faint.threshold, atol=0.05, rtol=0)
    torch.testing.assert_close(
        loud.excess(delta * 0.1), faint.excess(delta * 0.001), rtol=1e-3, atol=1e-3
    )


@pytest.mark.parametrize("samples", [1, 10, 2047, 5000])
def test_silence_masks_nothing_but_the_ear_s_own_threshold(samples):
    ours = masking(np.zeros(samples))
    frequencies = torch.arange(SIZE // 2 + 1) * RATE / SIZE
    expected = threshold_in_quiet(frequencies).expand_as(ours.threshold)
    torch.testing.assert_close(ours.threshold, expected, atol=1e-3, rtol=1e-3)
    assert ours.excess(torch.zeros(1, samples)).item() == 0.0
    assert ours.excess(torch.ones(1, samples)).item() > 0.0


def test_a_sine_of_full_scale_in_silence_has_96_db():
    delta = torch.tensor(tone((1000, 1.0), seconds=0.5)).float()[None]
    levels = masking(np.zeros(8000)).levels(delta)[0, 8]
    assert levels.max().item() == pytest.approx(96.0, abs=0.01)


@settings(max_examples=30, deadline=None)
@given(
    samples=st.integers(1, 5000),
    rate=st.sampled_from([8000, 16000]),
    volume=st.sampled_from([0.0, 1e-5, 0.5]),
    seed=st.integers(0, 99),
)
def test_nothing_is_ever_no_number(samples, rate, volume, seed):
    rng = np.random.default_rng(seed)
    ours = masking(volume * rng.uniform(-1, 1, samples), rate)
    delta = torch.tensor(rng.uniform(-1, 1, (1, samples))).float().requires_grad_(True)
    assert ours.threshold.isfinite().all()
    excess = ours.excess(delta)
    assert excess.isfinite() and excess >= 0
    assert torch.autograd.grad(excess, delta)[0].isfinite().all()
