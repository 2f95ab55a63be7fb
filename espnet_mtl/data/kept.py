"""What is left of each accent where utterances are left out, said before and after."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from espnet_mtl.atomic import write_text
from espnet_mtl.data.tables import read_lines

# In the directory that lacks them.
LEFT_OUT = "left_out.tsv"
# Less than this share of a set may be left out without a warning.
_MUCH = 0.1
_MOST_CLASSES = 30
_COLUMNS = "utterance\treason\tseconds\taccent\n"


class Fate(NamedTuple):
    """What becomes of an utterance.

    Attributes:
        seconds: Its length; ``None`` where it is not known.
        reason: Why it is left out; empty if it stays.
    """

    utt: str
    accent: str
    seconds: float | None
    reason: str = ""


def format_kept(sets: Mapping[str, Sequence[Fate]]) -> str:
    """Make a table of utterances and hours that stay, by set and accent.

    The accents that lose most come first.
    """
    rows = [
        f"{'set':<20}{'accent':<20}{'kept':>8}{'of':>8}{'share':>8}"
        f"{'hours':>9}{'of':>9}"
    ]
    for name, fates in sets.items():
        classes = sorted(_by_accent(fates).items(), key=lambda c: (_share(c[1]), c[0]))
        rows += [_row(name, accent, own) for accent, own in classes[:_MOST_CLASSES]]
        if len(classes) > _MOST_CLASSES:
            rows.append(f"{'':<20}... and {len(classes) - _MOST_CLASSES} more accents")
        rows.append(_row(name, "all", fates))
    return "\n".join(rows)


def find_losses(name: str, fates: Sequence[Fate]) -> list[str]:
    """Say which accents of a set vanish, or keep half as much as the others or less.

    A set that loses much as a whole is told as well.
    """
    said = []
    kept = _kept(fates)
    if len(fates) - len(kept) > _MUCH * len(fates):
        said.append(f"{name}: {len(kept)} of {len(fates)} utterances are left")
    classes = _by_accent(fates)
    for accent, own in sorted(classes.items()):
        stays = _kept(own)
        others = [fate for fate in fates if fate.accent != accent]
        if len(stays) == len(own):
            continue
        if not stays:
            said.append(
                f"{name}: nothing is left of the accent '{accent}' "
                f"({len(own)} utterances)"
            )
        elif others and _share(own) <= _share(others) / 2:
            said.append(
                f"{name}: of the accent '{accent}', {len(stays)} of {len(own)} "
                f"utterances are left ({_share(own):.0%}), of the others "
                f"{len(_kept(others))} of {len(others)} ({_share(others):.0%}): "
                "results will be about the others"
            )
    return said


def write_left_out(directory: Path, fates: Iterable[Fate]) -> None:
    """List what is left out in a directory; without any there is no list."""
    lines = [
        f"{fate.utt}\t{fate.reason}\t{_seconds(fate.seconds)}\t{fate.accent}\n"
        for fate in fates
        if fate.reason
    ]
    path = directory / LEFT_OUT
    if lines:
        write_text(path, _COLUMNS + "".join(lines))
    else:
        path.unlink(missing_ok=True)


def count_left_out(directory: Path, accent: str) -> int:
    """Count the utterances of an accent that a directory's list of them has."""
    path = directory / LEFT_OUT
    lines = read_lines(path)[1:] if path.is_file() else []
    return sum(line.split("\t")[-1] == accent for line in lines)


def _by_accent(fates: Iterable[Fate]) -> dict[str, list[Fate]]:
    classes: dict[str, list[Fate]] = defaultdict(list)
    for fate in fates:
        classes[fate.accent].append(fate)
    return classes


def _kept(fates: Iterable[Fate]) -> list[Fate]:
    return [fate for fate in fates if not fate.reason]


def _share(fates: Sequence[Fate]) -> float:
    return len(_kept(fates)) / max(len(fates), 1)


def _row(name: str, accent: str, fates: Sequence[Fate]) -> str:
    kept = _kept(fates)
    return (
        f"{name:<20}{accent:<20}{len(kept):>8}{len(fates):>8}{_share(fates):>8.0%}"
        f"{_hours(kept):>9}{_hours(fates):>9}"
    )


def _hours(fates: Sequence[Fate]) -> str:
    if any(fate.seconds is None for fate in fates):
        return "-"
    return f"{sum(fate.seconds or 0 for fate in fates) / 3600:.2f}"


def _seconds(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds:.2f}"
