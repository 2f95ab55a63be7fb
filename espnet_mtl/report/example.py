"""One attacked utterance to look at and listen to."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from espnet_mtl.data.audio import read_audio_rate, write_audio
from espnet_mtl.data.errors import DataDirError
from espnet_mtl.data.tables import read_table
from espnet_mtl.report.comparison import Entry, Group
from espnet_mtl.report.experiment import Row


@dataclass(frozen=True)
class Attacked:
    """What one system made of the example.

    Attributes:
        label: Name of the system.
        attacker: Name of the attacker.
        budget: Budget in words.
        line: Line of ``utt_scores.jsonl``.
        samples: Attacked audio in [-1, 1], (Samples,).
    """

    label: str
    attacker: str
    budget: str
    line: Row
    samples: np.ndarray


@dataclass(frozen=True)
class Example:
    """One utterance, untouched and attacked.

    Attributes:
        utt: The utterance.
        rate: Sampling rate in Hz.
        clean: Untouched audio, (Samples,).
        clean_hyp: What the first system hears in it; ``None`` where not decoded.
        attacked: The same utterance attacked for each system, the shown one first.
    """

    utt: str
    rate: int
    clean: np.ndarray
    clean_hyp: str | None
    attacked: Sequence[Attacked]


def find_example(group: Group) -> Example | None:
    """Choose an utterance and read its audio.

    The first choice is a system and the smallest budget with an utterance heard
    exactly as the attacker wanted; without any, the utterance that came closest.

    Args:
        group: Systems to compare.

    Returns:
        The example; ``None`` if no attacked audio is left on the disk.
    """
    candidates = [
        (
            not line["success"],
            line["edits_target"] / max(line["words_target"], 1) * (not line["success"]),
            group.budgets.index(row["budget"]),
            number,
            line["utt"],
        )
        for number, entry in enumerate(group.entries)
        for row in _strongest_rows(group, entry)
        for line in entry.result.lines_of(row).values()
    ]
    if not candidates:
        return None
    _, _, budget, first, utt = min(candidates)
    order = sorted(range(len(group.entries)), key=lambda number: number != first)
    attacked = []
    for number in order:
        shown = _read_attacked(group, group.entries[number], group.budgets[budget], utt)
        if shown is None and number == first:
            return None
        if shown is not None:
            attacked.append(shown)
    entry = group.entries[first]
    clean_line = entry.result.lines_of(entry.clean).get(utt) if entry.clean else None
    if clean_line is None:
        return None
    try:
        clean, rate = _read(entry, clean_line["key"])
    except DataDirError:
        return None
    return Example(utt, rate, clean, clean_line["hyp"], attacked)


def _strongest_rows(group: Group, entry: Entry) -> list[Row]:
    rows = [entry.strongest(budget) for budget in group.budgets]
    return [row for row in rows if row is not None]


def _read_attacked(
    group: Group, entry: Entry, budget: float, utt: str
) -> Attacked | None:
    row = entry.strongest(budget)
    line = entry.result.lines_of(row).get(utt) if row else None
    if row is None or line is None:
        return None
    try:
        samples, _ = _read(entry, line["key"])
    except DataDirError:
        return None
    name = group.budget_name(budget)
    return Attacked(entry.label, entry.attacker_of(row), name, line, samples)


def _read(entry: Entry, key: str) -> tuple[np.ndarray, int]:
    folder = entry.result.attack_dir
    path = Path(read_table(folder / "wav.scp").get(key, "-"))
    return read_audio_rate(path, utt=key)


def write_example(example: Example, folder: Path) -> list[tuple[str, str, str]]:
    """Copy the example's audio, so that the page can play it.

    Args:
        example: The example.
        folder: The report's directory; files go to ``audio/`` in it.

    Returns:
        For each file: what it is, what was heard, and its path relative to
        ``folder``.
    """
    (folder / "audio").mkdir(parents=True, exist_ok=True)
    shown = [("untouched", example.clean_hyp or "", "clean", example.clean)]
    first = example.attacked[0]
    if len(first.samples) == len(example.clean):
        perturbation = first.samples - example.clean
        what = f"perturbation alone ({first.label}, as loud as it is)"
        shown.append((what, "", "perturbation", perturbation))
    for item in example.attacked:
        what = f"attacked: {item.label}, {item.attacker}, {item.budget}"
        name = "attacked_" + "".join(c if c.isalnum() else "_" for c in item.label)
        shown.append((what, item.line["hyp"], name, item.samples))
    files = []
    for what, heard, name, samples in shown:
        relative = f"audio/{name}.wav"
        write_audio(folder / relative, np.clip(samples, -1, 1), example.rate)
        files.append((what, heard, relative))
    return files
