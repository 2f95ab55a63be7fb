"""One attacked utterance to look at and listen to."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from espnet_mtl.data.audio import read_audio_rate, write_audio
from espnet_mtl.data.errors import DataDirError
from espnet_mtl.data.tables import read_table
from espnet_mtl.report.groups import Group, SystemResult
from espnet_mtl.report.words import mark_words
from espnet_mtl.results.attack_scores import Row, UttScore

Samples = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True)
class AttackedVersion:
    """The example's utterance as it was attacked for one system."""

    label: str
    attacker: str
    budget: str  # with its unit
    score: UttScore
    samples: Samples  # in [-1, 1], (Samples,)
    rate: int  # in Hz


@dataclass(frozen=True)
class Example:
    """One utterance, untouched and attacked.

    Attributes:
        rate: Sampling rate in Hz.
        clean: Untouched audio, (Samples,).
        clean_hyp: What the first system hears in it.
        attacked: The same utterance attacked for each system of this rate, the shown
            one first.
    """

    utt: str
    rate: int
    clean: Samples
    clean_hyp: str
    attacked: Sequence[AttackedVersion]


@dataclass(frozen=True)
class ExampleWords:
    """An example in words: what was said, and what is heard when it is attacked.

    Attributes:
        heard: Words with marks; see :func:`~espnet_mtl.report.words.mark_words`.
        snr: How far the noise is below the speech, in dB; "" where it is not known.
    """

    system: str
    said: str
    heard: Sequence[tuple[str, str]]
    snr: str

    @property
    def text(self) -> str:
        """All of it in a sentence."""
        heard = " ".join(word for word, _ in self.heard)
        loud = f" {self.snr} dB below the speech" if self.snr else ""
        return (
            f"Said: “{self.said}”. Heard by {self.system} with noise{loud}: “{heard}”."
        )


def describe_example(group: Group, example: Example) -> ExampleWords:
    """Put an example into words."""
    shown = example.attacked[0]
    system = next(one for one in group.systems if one.label == shown.label)
    record = system.result.records.get(shown.score.key)
    snr = record.snr_db if record else None
    return ExampleWords(
        shown.label,
        shown.score.ref,
        mark_words(shown.score.hyp, shown.score.ref, shown.score.target),
        "" if snr is None else f"{snr:.0f}",
    )


def find_example(group: Group) -> Example | None:
    """Choose an utterance and read its audio.

    It is an utterance heard exactly as the attacker wanted, with the smallest budget
    that there is one for; without any, the one that came closest. ``None`` if no
    attacked audio is left on the disk.
    """
    candidates = [
        (
            not score.success,
            0.0 if score.success else score.edits_target / max(score.words_target, 1),
            place,
            number,
            score.utt,
        )
        for number, system in enumerate(group.systems)
        for place, budget in enumerate(group.budgets)
        if (row := system.strongest(budget))
        for score in system.result.feasible_scores(row).values()
    ]
    if not candidates:
        return None
    _, _, place, first, utt = min(candidates)
    shown = group.systems[first]
    others = [system for system in group.systems if system is not shown]
    attacked = [
        version
        for system in (shown, *others)
        if (version := _read_attacked(group, system, group.budgets[place], utt))
    ]
    untouched = _read(shown, shown.clean, utt)
    if not untouched or not attacked or attacked[0].label != shown.label:
        return None
    score, clean, rate = untouched
    alike = [version for version in attacked if version.rate == rate]
    return Example(utt, rate, clean, score.hyp, alike)


def _read_attacked(
    group: Group, system: SystemResult, budget: float, utt: str
) -> AttackedVersion | None:
    row = system.strongest(budget)
    found = _read(system, row, utt) if row else None
    if row is None or found is None:
        return None
    score, samples, rate = found
    attacker, name = system.attacker_of(row), group.budget_name(budget)
    return AttackedVersion(system.label, attacker, name, score, samples, rate)


def _read(
    system: SystemResult, row: Row, utt: str
) -> tuple[UttScore, Samples, int] | None:
    """Read an utterance's score, audio and rate; ``None`` if one of them is gone."""
    score = system.result.feasible_scores(row).get(utt)
    if score is None:
        return None
    try:
        wavs = read_table(system.result.attack_dir / "wav.scp")
        path = Path(wavs.get(score.key, "-"))
        return score, *read_audio_rate(path, utt=score.key, may_be_silent=True)
    except DataDirError:
        return None


def write_example(example: Example, folder: Path) -> list[tuple[str, str, str]]:
    """Copy the example's audio to ``folder/audio``, so that the page can play it.

    Returns:
        For each file: what it is, what was heard, and its path relative to ``folder``.
    """
    (folder / "audio").mkdir(parents=True, exist_ok=True)
    shown = [("untouched", example.clean_hyp, "clean", example.clean)]
    first = example.attacked[0]
    if len(first.samples) == len(example.clean):
        perturbation = first.samples - example.clean
        what = f"perturbation alone ({first.label}, as loud as it is)"
        shown.append((what, "", "perturbation", perturbation))
    for number, item in enumerate(example.attacked, start=1):
        what = f"attacked: {item.label}, {item.attacker}, {item.budget}"
        # Numbered, since two names may differ in signs alone.
        name = "".join(c if c.isalnum() else "_" for c in item.label)
        shown.append((what, item.score.hyp, f"attacked_{number}_{name}", item.samples))
    files = []
    for what, heard, name, samples in shown:
        relative = f"audio/{name}.wav"
        write_audio(folder / relative, np.clip(samples, -1, 1), example.rate)
        files.append((what, heard, relative))
    return files
