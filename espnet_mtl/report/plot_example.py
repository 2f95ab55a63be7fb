"""One utterance: untouched, perturbation, attacked."""

import textwrap
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.image import AxesImage

from espnet_mtl.report.example import Example, Samples
from espnet_mtl.report.plot_style import COLOURS, GREY, figure

_WINDOW_SECONDS = 0.025
_FLOOR_DB = -110.0


def plot_example(example: Example, path: Path) -> None:
    """Draw waveforms and spectrograms of an example and its first attacked version."""
    shown = example.attacked[0]
    length = min(len(example.clean), len(shown.samples))
    clean, attacked = example.clean[:length], shown.samples[:length]
    perturbation = attacked - clean
    loudest = float(np.abs(perturbation).max(initial=0.0))
    panels = (
        (clean, f"untouched, heard: {_quote(example.clean_hyp)}"),
        (perturbation, f"perturbation, largest sample {loudest:.2g}"),
        (attacked, f"attacked, heard: {_quote(shown.score.hyp)}"),
    )
    with figure(path, 6, 3, (13 / 3, 3.2), sharex=True) as (drawn, axes):
        seconds = np.arange(length) / example.rate
        for column, (samples, title) in enumerate(panels):
            wave, spectrum = axes[0, column], axes[1, column]
            colour = GREY if column == 1 else COLOURS[column // 2]
            wave.plot(seconds, samples, color=colour, linewidth=0.5)
            limit = 1.1 * max(float(np.abs(samples).max(initial=0.0)), 1e-6)
            wave.set_ylim(-limit, limit)
            wave.set_title("\n".join(textwrap.wrap(title, 42)), loc="left")
            image = _spectrogram(spectrum, samples, example.rate)
            spectrum.set_xlabel("seconds")
        axes[0, 0].set_ylabel("amplitude (own scale each)")
        axes[1, 0].set_ylabel("kHz")
        drawn.colorbar(image, ax=axes[1, :], label="dB", pad=0.01)
        first = f"{example.utt}, system {shown.label}, attacker {shown.attacker}, "
        first += f"budget {shown.budget}"
        lines = [first]
        lines += textwrap.wrap(f"spoken: {_quote(shown.score.ref)}", 120)
        lines += textwrap.wrap(f"attacker wanted: {_quote(shown.score.target)}", 120)
        drawn.suptitle("\n".join(lines), fontsize=11)


def _quote(text: str) -> str:
    return f"“{text}”"


def _spectrogram(axis: Axes, samples: Samples, rate: int) -> AxesImage:
    """Draw a spectrogram on one scale for all panels: dB below full scale."""
    window = max(int(_WINDOW_SECONDS * rate), 16)
    padded = np.pad(samples, (0, max(window - len(samples), 0)))
    frames = np.lib.stride_tricks.sliding_window_view(padded, window)[:: window // 2]
    taper = np.hanning(window)
    power = np.abs(np.fft.rfft(frames * taper, axis=1) / (taper.sum() / 2)) ** 2
    decibels = 10 * np.log10(np.maximum(power, 10 ** (_FLOOR_DB / 10)))
    axis.grid(False)
    return axis.imshow(
        decibels.T,
        origin="lower",
        aspect="auto",
        cmap="cividis",
        vmin=_FLOOR_DB,
        vmax=-10,
        extent=(0, len(padded) / rate, 0, rate / 2000),
    )
