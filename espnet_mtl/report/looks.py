"""How lines of a plot look, so that no two look alike: by number or by name.

Colours, dashes and markers are numbers here: Matplotlib (``plot_style.py``) and the
page (``templates/style.css``) have their own values for them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

NUM_COLOURS = 7
NUM_DASHES = 4
NUM_MARKERS = 7
_IN_A_PANEL = 3  # lines with bands that can be told apart


@dataclass(frozen=True)
class Look:
    """Numbers of a line's colour, dashes and marker; dashes 0 is a line without."""

    colour: int
    dash: int
    marker: int


def look_of(number: int) -> Look:
    """Return the look of a line by its number: other than that of 27 others."""
    return Look(
        number % NUM_COLOURS,
        number // NUM_COLOURS % NUM_DASHES,
        number % NUM_MARKERS,
    )


def looks_of_families(systems: Sequence[str]) -> list[Look]:
    """Return the looks of systems, in their order, where families share panels.

    The same kind of system has the same colour and dashes in every family, such as
    ``accent`` in ``ctc_accent`` and ``att_accent``; a family has a marker of its own.
    """
    families, kinds = families_of(systems), _kinds_of(systems)
    markers, colours = list(dict.fromkeys(families)), list(dict.fromkeys(kinds))
    looks = []
    for family, kind in zip(families, kinds, strict=True):
        number = colours.index(kind)
        # Next ones differ in both, those with the same colour in the dashes.
        dash = (number % NUM_COLOURS + number // NUM_COLOURS) % NUM_DASHES
        marker = markers.index(family) % NUM_MARKERS
        looks.append(Look(number % NUM_COLOURS, dash, marker))
    return looks


def families_of(systems: Sequence[str]) -> list[str]:
    """Name the family of each system: what names begin with, up to the first ``_``."""
    starts = [system.partition("_")[0] for system in systems]
    return [
        start if starts.count(start) > 1 else system
        for start, system in zip(starts, systems, strict=True)
    ]


def _kinds_of(systems: Sequence[str]) -> list[str]:
    """What tells each system from the rest of its family; of a single one, the name."""
    families = families_of(systems)
    return [
        system if families.count(family) == 1 else system.removeprefix(family)
        for system, family in zip(systems, families, strict=True)
    ]


def share_panels(systems: Sequence[str]) -> list[list[int]]:
    """Put systems into panels: families together, and several where there is room.

    Returns:
        For each panel the places of its systems.
    """
    families: dict[str, list[int]] = {}
    for place, family in enumerate(families_of(systems)):
        families.setdefault(family, []).append(place)
    panels: list[list[int]] = []
    for places in families.values():
        if panels and len(panels[-1]) + len(places) <= _IN_A_PANEL:
            panels[-1].extend(places)
        else:
            panels.append(list(places))
    return panels
