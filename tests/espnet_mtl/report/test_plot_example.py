from dataclasses import replace

import numpy as np
import pytest
from exp_factory import RATE, make_exp

from espnet_mtl.report.example import find_example
from espnet_mtl.report.experiment import read_experiments
from espnet_mtl.report.groups import make_groups
from espnet_mtl.report.plot_example import plot_example

SECONDS = np.arange(RATE // 2) / RATE
CLEAN = 0.5 * np.sin(2 * np.pi * 1000 * SECONDS)
CHANGE = 0.05 * np.sin(2 * np.pi * 3000 * SECONDS)


@pytest.fixture
def panels(tmp_path, drawn):
    """Panels of a tone of 1 kHz, attacked with a quieter one of 3 kHz."""
    about = {"budgets": (0.008,), "attackers": ("accent_blind",)}
    exp = make_exp(tmp_path, "ctc", errors=lambda *_: 0, **about)
    [group] = make_groups(read_experiments([exp]))
    example = find_example(group)
    # The attacked version may be longer, as with something played before.
    attacked = np.concatenate([CLEAN + CHANGE, np.ones(80)])
    version = replace(example.attacked[0], samples=attacked)
    plot_example(
        replace(example, clean=CLEAN, attacked=[version]), tmp_path / "example.png"
    )
    [figure] = drawn
    return figure, np.array(figure.axes[:6]).reshape(2, 3)


def test_waveforms_are_untouched_then_the_perturbation_then_attacked(panels):
    _, ((*waves,), _) = panels
    for axis, samples in zip(waves, (CLEAN, CHANGE, CLEAN + CHANGE), strict=True):
        [line] = axis.lines
        assert line.get_xdata() == pytest.approx(SECONDS)
        assert line.get_ydata() == pytest.approx(samples)
        assert axis.get_ylim()[1] == pytest.approx(1.1 * abs(samples).max())
    titles = [" ".join(axis.get_title(loc="left").split()) for axis in waves]
    heard = "“word0 word1 word2 word3 word4 word5 word6 word7 word8 word9”"
    hypotheses = "“x0 x1 x2 x3 x4 x5 x6 x7 x8 x9”"
    assert titles == [
        f"untouched, heard: {hypotheses}",
        "perturbation, largest sample 0.05",
        f"attacked, heard: {heard}",
    ]


def test_spectrograms_have_the_tones_where_they_are(panels):
    """16000 Hz in windows of 400 samples: a row is 40 Hz."""
    _, (_, (*spectra,)) = panels
    loudest = []
    for axis in spectra:
        [image] = axis.images
        assert image.get_extent() == [0, 0.5, 0, 8]  # seconds and kHz
        assert image.origin == "lower"
        middle = image.get_array()[:, 10]
        row = int(middle.argmax())
        loudest.append((row, round(float(middle[row]), 1)))
    # 20 log10 of 0.5 and of 0.05
    assert loudest == [(25, -6.0), (75, -26.0), (25, -6.0)]
    assert spectra[2].images[0].get_array()[75, 10] == pytest.approx(-26.0, abs=0.05)


def test_the_title_says_what_is_shown(panels):
    figure, _ = panels
    words = " ".join(f"word{number}" for number in range(10))
    assert figure.get_suptitle().split("\n") == [
        "ann-0, system ctc, attacker accent_blind, budget 0.008",
        "spoken: “a truth of five words”",
        f"attacker wanted: “{words}”",
    ]
