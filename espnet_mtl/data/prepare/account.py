"""The account of a corpus: what became of every clip, and clips per accent and set."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

from espnet_mtl.atomic import write_text
from espnet_mtl.data.file_kinds import UNKNOWN_ACCENT
from espnet_mtl.data.prepare.clip import BAD_AUDIO, RULES, SETS, Clip
from espnet_mtl.data.prepare.names import show

BAD_LIST = "bad_clips.tsv"  # clips of bad audio
_MOST_CLASSES = 30
_UNLABELLED = {
    "none": "without a label",
    "several": "several accents",
    "free_text": "not in the map",
    "small": "of accents with too few clips or speakers",
    "untrained": "not in training",
}


def format_fates(clips: Sequence[Clip], source: Path | str) -> str:
    """Count what became of all clips, in lines that add up."""
    counts = Counter(clip.fate for clip in clips)
    rows = [f"{len(clips):>9}  clips in {source}"]
    rows += [f"{counts[name]:>9}  {name}" for name in SETS if counts[name]]
    rows += [f"{counts[rule]:>9}  {RULES[rule]}" for rule in RULES if counts[rule]]
    return "\n".join(rows)


def format_classes(clips: Iterable[Clip]) -> str:
    """Count clips, speakers and hours of each class in each set, of the clips used.

    Hours are ``-`` where lengths are not known.
    """
    cells: dict[str, dict[str, list[Clip]]] = defaultdict(lambda: defaultdict(list))
    sums: dict[str, list[Clip]] = defaultdict(list)
    unlabelled: Counter[str] = Counter()
    for clip in clips:
        cells[clip.accent][clip.fate].append(clip)
        sums[clip.fate].append(clip)
        if clip.accent == UNKNOWN_ACCENT:
            unlabelled[_UNLABELLED[clip.unlabelled]] += 1
    sizes = {accent: sum(map(len, own.values())) for accent, own in cells.items()}
    order = sorted(sizes, key=lambda name: (name == UNKNOWN_ACCENT, -sizes[name], name))
    shown = order if len(order) <= _MOST_CLASSES else order[:_MOST_CLASSES]
    width = max(14, *(len(accent) + 2 for accent in shown)) if shown else 14
    head = "".join(f"| {name:^25}" for name in SETS)
    units = f"|{'clips':>8}{'speakers':>10}{'hours':>8}" * len(SETS)
    rows = [" " * width + head, f"{'accent':<{width}}{units}"]
    rows += [f"{accent:<{width}}{_row(cells[accent])}" for accent in shown]
    if len(order) > len(shown):
        rows.append(f"... and {len(order) - len(shown)} more accents")
    rows.append(f"{'all':<{width}}{_row(sums)}")
    for name in SETS[1:]:
        known = {accent for accent in cells if cells[accent][name]} - {UNKNOWN_ACCENT}
        if name in sums and len(known) < 2:
            rows.append(
                f"{name}: {'only one accent' if known else 'no accent'} is known, so "
                "accent accuracy has no meaning in this set"
            )
    if unlabelled:
        parts = ", ".join(f"{count} {why}" for why, count in unlabelled.most_common())
        rows.append(f"{UNKNOWN_ACCENT}: {parts}; they train the recogniser only")
    return "\n".join(rows)


def _row(sets: dict[str, list[Clip]]) -> str:
    row = ""
    for name in SETS:
        own = sets.get(name, [])
        speakers = len({clip.speaker for clip in own})
        known = all(clip.seconds is not None for clip in own)
        hours = sum(clip.seconds or 0 for clip in own) / 3600
        shown = f"{hours:.2f}" if known else "-"
        row += f"|{len(own):>8}{speakers:>10}{shown:>8}"
    return row


def write_account(folder: Path, clips: Sequence[Clip]) -> None:
    """Write ``clips.tsv``, the list of all clips, and ``bad_clips.tsv``."""
    lines = ["line\tclip\tfate\taccent\tutterance\n"]
    lines += [
        f"{c.line}\t{show(c.name)}\t{c.fate}\t{c.accent if c.fate in SETS else '-'}\t"
        f"{c.key if c.fate in SETS else '-'}\n"
        for c in clips
    ]
    write_text(folder / "clips.tsv", "".join(lines))
    write_bad_clips(folder / BAD_LIST, clips)


def write_bad_clips(path: Path, clips: Iterable[Clip]) -> None:
    """Write which clips have bad audio, and why."""
    lines = [
        f"{c.line}\t{show(c.name)}\t{c.fate}\t{c.why}\n"
        for c in clips
        if c.fate in BAD_AUDIO
    ]
    write_text(path, "line\tclip\trule\twhy\n" + "".join(lines))
