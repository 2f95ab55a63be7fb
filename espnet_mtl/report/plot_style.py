"""How the plots look: colours, markers, sizes, saving."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")

from matplotlib import pyplot as plt  # noqa: E402  # the backend comes first
from matplotlib.artist import Artist  # noqa: E402
from matplotlib.figure import Figure  # noqa: E402

from espnet_mtl.report.looks import Look  # noqa: E402

# Okabe and Ito's colours, told apart with every kind of colour vision; without their
# yellow, which is too faint on white. Markers tell systems apart without any colour.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#000000", "#56B4E9")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
DASHES: tuple[Any, ...] = ("-", (0, (6, 2)), (0, (6, 2, 1.5, 2)), (0, (2, 1.5)))
GREY = "#666666"
DPI = 120
_LONGEST_BESIDE = 24  # characters of a name that leave room for the panels
_CHARACTERS_AN_INCH = 11

_SETTINGS: dict[Any, Any] = {
    "font.size": 10,
    "axes.titlesize": 11,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#dddddd",
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
    "legend.frameon": False,
    "figure.dpi": DPI,
    "savefig.dpi": DPI,
    "text.parse_math": False,  # names and transcripts are no formulas
}


def style_of(look: Look) -> dict[str, Any]:
    """Colour, dashes and marker of a line, as Matplotlib takes them."""
    return {
        "color": COLOURS[look.colour],
        "linestyle": DASHES[look.dash],
        "marker": MARKERS[look.marker],
    }


def legend_outside(
    drawn: Figure, handles: Sequence[Artist], labels: Sequence[str]
) -> None:
    """Put the legend beside the panels, or below them where names are too long."""
    longest = max(map(len, labels))
    if longest <= _LONGEST_BESIDE:
        drawn.legend(handles, labels, loc="outside right upper")
    else:
        room = drawn.get_figwidth() * _CHARACTERS_AN_INCH
        columns = max(int(room / (longest + 6)), 1)
        drawn.legend(handles, labels, loc="outside lower center", ncols=columns)


@contextmanager
def figure(
    path: Path,
    panels: int,
    columns: int,
    size: tuple[float, float],
    margin: tuple[float, float] = (0.0, 0.0),
    **options: Any,
) -> Iterator[tuple[Figure, Any]]:
    """Make a figure and save it as PNG.

    Args:
        path: The PNG file.
        panels: Number of panels; the last row may be incomplete.
        columns: Panels in a row.
        size: Width and height of a panel in inches.
        margin: What the figure has in width and height besides.
        **options: For ``plt.subplots``.

    Yields:
        The figure and its axes, (rows, columns).
    """
    rows = -(-panels // columns)
    whole = (size[0] * columns + margin[0], size[1] * rows + margin[1])
    with plt.rc_context(_SETTINGS):
        drawn, axes = plt.subplots(
            rows, columns, figsize=whole, squeeze=False, layout="constrained", **options
        )
        for axis in axes.flat[panels:]:
            axis.set_visible(False)
        try:
            yield drawn, axes
            path.parent.mkdir(parents=True, exist_ok=True)
            # No time or version inside: equal inputs give equal files.
            drawn.savefig(path, metadata={"Software": None})
        finally:
            plt.close(drawn)
