"""Training curves."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib.ticker import MaxNLocator

from espnet_mtl.report.experiment import Experiment
from espnet_mtl.report.looks import look_of
from espnet_mtl.report.plot_style import figure, legend_outside, style_of

_MOST_MARKERS = 20

# What a panel shows, in the order of the panels; only what some system has is drawn.
_PANELS: Mapping[str, str] = {
    "valid.loss": "loss (each its own objective)",
    "valid.acc": "token accuracy of the decoder, ↑",
    "valid.acc_adv": "token accuracy under attack, ↑",
    "valid.cer_ctc": "CTC character error rate, ↓",
    "valid.cer_ctc_adv": "CTC character error rate under attack, ↓",
    "valid.acc_accent": "accent accuracy, ↑ (see the majority's share)",
}


def plot_training(experiments: Sequence[Experiment], path: Path) -> bool:
    """Draw what validation measured after each epoch.

    Returns:
        Whether there was anything to draw.
    """
    names = [
        name for name in _PANELS if any(name in one.training for one in experiments)
    ]
    if not names:
        return False
    count = len(names)
    with figure(path, count, min(count, 2), (4.2, 3.0), (1.6, 0.3)) as (drawn, axes):
        shown = {}
        for axis, name in zip(axes.flat, names, strict=False):
            for number, experiment in enumerate(experiments):
                curve = experiment.training.get(name)
                if not curve:
                    continue
                # Markers of many epochs would hide the line.
                every = -(-len(curve) // _MOST_MARKERS)
                [line] = axis.plot(
                    list(curve),
                    list(curve.values()),
                    linewidth=1.6,
                    markersize=4,
                    markevery=every,
                    **style_of(look_of(number)),
                )
                shown[number] = line
            axis.set_title(f"validation {_PANELS[name]}")
            axis.set_xlabel("epoch")
            # One epoch has one tick: with two or more there would be none in between.
            axis.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        numbers = sorted(shown)
        lines = [shown[number] for number in numbers]
        legend_outside(drawn, lines, [experiments[n].system for n in numbers])
    return True
