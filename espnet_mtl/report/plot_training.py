"""Training curves."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib.ticker import MaxNLocator

from espnet_mtl.report.experiment import Experiment
from espnet_mtl.report.plot_style import figure, legend_outside, look_of

_MOST_MARKERS = 20

# What a panel shows, in the order of the panels; only what some system has is drawn.
_PANELS: Mapping[str, str] = {
    "valid.loss": "loss (each its own objective)",
    "valid.acc": "token accuracy of the decoder, ↑",
    "valid.cer_ctc": "CTC character error rate, ↓",
    "valid.acc_accent": "accent accuracy, ↑",
}


def plot_training(experiments: Sequence[Experiment], path: Path) -> bool:
    """Draw what validation measured after each epoch.

    Args:
        experiments: Systems, in the order of the tables.
        path: The PNG file.

    Returns:
        Whether there was anything to draw.
    """
    names = [
        name
        for name in _PANELS
        if any(name in experiment.curves for experiment in experiments)
    ]
    if not names:
        return False
    columns = min(len(names), 2)
    rows = -(-len(names) // columns)
    size = (4.2 * columns + 1.6, 3.0 * rows + 0.3)
    with figure(path, rows, columns, size) as (drawn, axes):
        shown = {}
        for axis, name in zip(axes.flat, names, strict=False):
            for number, experiment in enumerate(experiments):
                curve = experiment.curves.get(name)
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
                    **look_of(number),
                )
                shown[number] = line
            axis.set_title(f"validation {_PANELS[name]}")
            axis.set_xlabel("epoch")
            # One epoch has one tick: with two or more there would be none in between.
            axis.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        for axis in axes.flat[len(names) :]:
            axis.set_visible(False)
        legend_outside(
            drawn,
            [shown[number] for number in sorted(shown)],
            [experiments[number].system for number in sorted(shown)],
        )
    return True
