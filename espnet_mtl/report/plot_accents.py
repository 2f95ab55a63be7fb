"""Which accents are taken for which."""

from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.image import AxesImage

from espnet_mtl.report.plot_style import figure
from espnet_mtl.report.table import number
from espnet_mtl.results.clean_scores import AccentConfusion


def plot_confusions(
    confusions: Sequence[tuple[str, AccentConfusion]], path: Path
) -> bool:
    """Draw one matrix for each named confusion: rows true, columns recognised.

    Returns:
        Whether there was anything to draw.
    """
    if not confusions:
        return False
    most = max(len(confusion.accents) for _, confusion in confusions)
    side = max(2.6, 0.55 * most) + 1.2
    count = len(confusions)
    with figure(path, count, min(count, 3), (side, side), (0.6, 0.5)) as (drawn, axes):
        [image, *_] = [
            _draw(axis, name, confusion)
            for axis, (name, confusion) in zip(axes.flat, confusions, strict=False)
        ]
        drawn.supxlabel("recognised accent", fontsize=10)
        drawn.supylabel("true accent", fontsize=10)
        drawn.colorbar(image, ax=axes, label="share of the true accent", shrink=0.8)
    return True


def _draw(axis: Axes, name: str, confusion: AccentConfusion) -> AxesImage:
    shares = [
        [count / max(sum(counts), 1) for count in counts] for counts in confusion.counts
    ]
    # One hue from light to dark reads the same with every kind of colour vision.
    image = axis.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    axis.grid(False)
    accents = list(confusion.accents)
    axis.set_xticks(range(len(accents)), accents, rotation=45, ha="right")
    axis.set_yticks(range(len(accents)), accents)
    for true, counts in enumerate(confusion.counts):
        for heard, count in enumerate(counts):
            dark = shares[true][heard] > 0.55
            colour = "white" if dark else "black"
            axis.text(heard, true, str(count), ha="center", va="center", color=colour)
    right = f"{number(confusion.accuracy, 1)} % right"
    balanced = f"balanced {number(confusion.balanced_accuracy, 1)} %"
    majority = f"majority {number(confusion.majority_share, 1)} %"
    axis.set_title(f"{name}\n{right}, {balanced}\n{majority}", fontsize=9)
    return image
