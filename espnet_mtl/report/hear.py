"""The panel "Hear it": a handful of attacked utterances to listen to and look at.

A page that was opened from a disk may not read other files, but it may load scripts. So
the audio of each utterance is a script, which the page loads when it is chosen.
Perturbations are kept apart from the recording that they are added to: FLAC makes
little of them, and attacks that changed the same have one copy.
"""

import base64
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from espnet_mtl.atomic import write_text
from espnet_mtl.data.audio import encode_audio, read_audio_rate
from espnet_mtl.data.errors import DataDirError
from espnet_mtl.data.tables import read_table
from espnet_mtl.report.groups import Group, SystemResult
from espnet_mtl.report.norms import LEVELS, budget_name, strength
from espnet_mtl.report.words import mark_words
from espnet_mtl.results.attack_scores import Row, UttScore

MOST_BYTES = 6_000_000  # of all scripts together
_UTTERANCES = 5
_CONTROLS = {
    "noise": "random noise, for comparison",
    "shuffled": "what another recording was attacked with, for comparison",
}
_CONTROL_WISHES = {"shuffled": "nothing here: it was made for another recording"}
_NO_WISH = "nothing: it is random"

Samples = np.ndarray[Any, np.dtype[np.int16]]


@dataclass(frozen=True)
class Version:
    """An utterance as it was attacked.

    Attributes:
        heard: Words with marks; see :func:`~espnet_mtl.report.words.mark_words`.
        wanted: What the attacker wanted to be heard, in words.
        outcome: What came of it.
        snr: Of the perturbation, in dB; "" where it is not known.
        audio: Place of the audio in ``Sounds.clips``.
        whole: Whether that is the attacked recording, not what is added to it.
    """

    system: str
    attack: str
    budget: str
    heard: Sequence[tuple[str, str]]
    wanted: str
    outcome: str
    success: bool
    snr: str
    audio: int
    whole: bool


@dataclass
class Sounds:
    """One utterance with all its versions.

    Attributes:
        clips: Audio as FLAC in Base64; the first is the untouched recording.
        untouched: By system, what is heard in that, with marks.
        versions: From weak to strong, by system and attack.
    """

    utt: str
    rate: int
    said: str
    accent: str
    clips: list[str]
    untouched: dict[str, Sequence[tuple[str, str]]] = field(default_factory=dict)
    versions: list[Version] = field(default_factory=list)

    @property
    def size(self) -> int:
        """How many bytes of audio there are."""
        return sum(map(len, self.clips))


@dataclass(frozen=True)
class Choice:
    """What the page says of an utterance before it is loaded."""

    utt: str
    said: str
    script: str


def write_hear(group: Group, folder: Path, first: str) -> list[Choice]:
    """Write the scripts of some utterances to ``folder/audio``.

    Args:
        group: The systems.
        folder: That of the page.
        first: The utterance that the page begins with; "" for any.

    Returns:
        What there is to choose from; empty where the audio is gone.
    """
    for old in (folder / "audio").glob("hear_*.js"):
        old.unlink()
    reader = _Reader(group)
    choices: list[Choice] = []
    left = MOST_BYTES
    utts = dict.fromkeys(filter(None, [first, *_choose(group)]))
    for utt in [*utts][:_UTTERANCES]:
        sounds = reader.read(utt, left if choices else MOST_BYTES)
        if sounds is None or not sounds.versions or sounds.size > left:
            continue
        left -= sounds.size
        script = f"audio/hear_{len(choices) + 1}.js"
        content = json.dumps(asdict(sounds), ensure_ascii=False)
        (folder / "audio").mkdir(parents=True, exist_ok=True)
        write_text(folder / script, f"hearUtterance({content});\n")
        choices.append(Choice(utt, sounds.said, script))
    return choices


def _choose(group: Group) -> list[str]:
    """Choose utterances from the easiest to the hardest to attack."""
    costs: dict[str, list[float]] = {}
    for system in group.systems:
        for row in _attacks(system):
            for utt, score in system.result.feasible_scores(row).items():
                left = 0.0 if score.success else 1.0
                if row.words == "target" and score.words_target:
                    left = score.edits_target / score.words_target
                costs.setdefault(utt, []).append(left)
    # Those that all systems were attacked on
    most = max(map(len, costs.values()), default=0)
    known = {utt: sum(one) for utt, one in costs.items() if len(one) == most}
    ordered = sorted(known, key=lambda utt: (known[utt], utt))
    count = min(_UTTERANCES, len(ordered))
    if count < 2:
        return ordered
    return [ordered[n * (len(ordered) - 1) // (count - 1)] for n in range(count)]


def _attacks(system: SystemResult) -> list[Row]:
    return [*system.attacked, *system.untargeted]


class _Reader:
    def __init__(self, group: Group):
        self._group = group
        self._wavs = {one.label: _read_wavs(one) for one in group.systems}

    def read(self, utt: str, most: int) -> Sounds | None:
        """Read an utterance, as much of it as fits into so many bytes."""
        found = None
        for system in self._group.systems:
            score = system.result.scores_of(system.clean).get(utt)
            clean = self._audio(system, score)
            if score is None or clean is None:
                continue
            samples, rate = clean
            if found is None:
                clip = _encode(samples, rate)
                found = _Utterance(
                    Sounds(utt, rate, score.ref, score.accent, [clip]), samples
                )
            # Others may have been attacked at another rate.
            if found.is_same(samples, rate):
                marked = mark_words(score.hyp, score.ref, None)
                found.sounds.untouched[system.label] = marked
        if found is None:
            return None
        for system, row, score in self._by_importance(utt, found.sounds.untouched):
            audio = self._audio(system, score)
            if audio is None or audio[1] != found.sounds.rate:
                continue
            found.add(_describe(self._group, system, row, score), audio[0], most)
        order = {one.label: place for place, one in enumerate(self._group.systems)}
        found.sounds.versions.sort(key=lambda one: order[one.system])
        return found.sounds

    def _by_importance(
        self, utt: str, systems: Mapping[str, object]
    ) -> Iterator[tuple[SystemResult, Row, UttScore]]:
        """Yield versions of all systems: the reported attacks first, from weak on."""
        rows = [
            (number, strength(row.norm, row.budget), system, row)
            for system in self._group.systems
            if system.label in systems
            for number, some in enumerate(
                (_attacks(system), _searches(system), system.controls)
            )
            for row in some
        ]
        for _, _, system, row in sorted(rows, key=lambda one: one[:2]):
            score = system.result.scores_of(row).get(utt)
            if score and (score.feasible or row.words != "target"):
                yield system, row, score

    def _audio(
        self, system: SystemResult, score: UttScore | None
    ) -> tuple[Samples, int] | None:
        path = self._wavs[system.label].get(score.key) if score else None
        if score is None or path is None:
            return None
        try:
            samples, rate = read_audio_rate(path, utt=score.key, may_be_silent=True)
        except DataDirError:
            return None
        levels = np.clip(np.round(samples * LEVELS), -LEVELS, LEVELS - 1)
        return levels.astype(np.int16), rate


@dataclass
class _Utterance:
    sounds: Sounds
    samples: Samples
    places: dict[str, int] = field(default_factory=dict)

    def is_same(self, samples: Samples, rate: int) -> bool:
        return rate == self.sounds.rate and np.array_equal(samples, self.samples)

    def add(self, about: Mapping[str, Any], attacked: Samples, most: int) -> None:
        """Add a version, if it fits into so many bytes."""
        whole = len(attacked) != len(self.samples)
        if not whole:
            change = attacked.astype(np.int32) - self.samples
            whole = bool(np.abs(change).max(initial=0) >= LEVELS)
        kept = attacked if whole else change.astype(np.int16)
        clip = _encode(kept, self.sounds.rate)
        if clip not in self.places:
            if self.sounds.size + len(clip) > most:
                return
            self.places[clip] = len(self.sounds.clips)
            self.sounds.clips.append(clip)
        self.sounds.versions.append(
            Version(**about, audio=self.places[clip], whole=whole)
        )


def _describe(
    group: Group, system: SystemResult, row: Row, score: UttScore
) -> dict[str, Any]:
    """Say what a version is, and what came of it, without its audio."""
    record = system.result.records.get(score.key)
    is_control = row.role == "control"
    has_target = row.words == "target" and not is_control
    budget = group.budget_name(row.budget)
    if row.role == "curve" and record and record.smallest:
        smallest = budget_name(row.norm, float(f"{record.smallest.saved:.3g}"))
        budget = f"{smallest}: the smallest that was found"
        if not score.success:
            budget = f"{smallest}: the nearest that was found"
    snr = record.snr_db if record else None
    return {
        "system": system.label,
        "attack": _name_attack(system, row),
        "budget": budget,
        "heard": mark_words(score.hyp, score.ref, score.target if has_target else None),
        "wanted": _CONTROL_WISHES.get(row.attack, _NO_WISH)
        if is_control
        else _wanted(row, score),
        "outcome": _outcome(row, score, has_target),
        "success": score.success and not is_control,
        "snr": "" if snr is None else f"{snr:.1f}",
    }


def _name_attack(system: SystemResult, row: Row) -> str:
    if row.role == "control":
        return _CONTROLS.get(row.attack, row.attack)
    if row.suite is not None:
        return f"{row.attack}: the worst of several"
    return system.attacker_of(row)


def _wanted(row: Row, score: UttScore) -> str:
    if row.words == "away":
        return "anything but what was said"
    return f"{score.ref}, in another accent" if row.words == "keep" else score.target


def _outcome(row: Row, score: UttScore, has_target: bool) -> str:
    if has_target:
        said = (
            "The attacker got every word."
            if score.success
            else f"Word errors against what the attacker wanted: {score.edits_target}, "
            f"of {score.words_target} words."
        )
    else:
        said = f"Word errors against what was said: {score.edits_ref}, of "
        said += f"{score.words_ref} words."
    if score.hyp_accent is not None:
        said += f" Recognised accent: {score.hyp_accent} (true: {score.accent})."
    return said


def _searches(system: SystemResult) -> list[Row]:
    return [row for row in system.result.of("curve") if row.norm == system.norm]


def _read_wavs(system: SystemResult) -> Mapping[str, str]:
    try:
        return read_table(system.result.attack_dir / "wav.scp")
    except DataDirError:
        return {}


def _encode(samples: Samples, rate: int) -> str:
    return base64.b64encode(encode_audio(samples, rate, "flac")).decode()
