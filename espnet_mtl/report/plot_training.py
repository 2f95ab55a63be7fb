"""Training curves."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib.ticker import MaxNLocator

from espnet_mtl.report.experiment import Experiment
from espnet_mtl.report.plot_style import figure, look_of

# What a panel shows, in the order of the panels; only what some system has is drawn.
_PANELS: Mapping[str, str] = {
    "valid.loss": "loss (own objective of each system)",
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
                # A marker on every epoch would hide the line.
                every = max(len(curve) // 8, 1)
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
            axis.xaxis.set_major_locator(MaxNLocator(integer=True))
        for axis in axes.flat[len(names) :]:
            axis.set_visible(False)
        drawn.legend(
            [shown[number] for number in sorted(shown)],
            [experiments[number].system for number in sorted(shown)],
            loc="outside right upper",
        )
    return True
