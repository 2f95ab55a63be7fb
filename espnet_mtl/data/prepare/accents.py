"""Accent labels, as people write them, and the classes that a branch can learn."""

import logging
from collections import defaultdict
from collections.abc import Collection, Container, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from espnet_mtl.atomic import write_text
from espnet_mtl.data.errors import DataDirError
from espnet_mtl.data.file_kinds import UNKNOWN_ACCENT
from espnet_mtl.data.prepare.clip import Clip
from espnet_mtl.data.prepare.faults import Faults
from espnet_mtl.data.prepare.names import fold, make_class
from espnet_mtl.data.prepare.quoting import unquote
from espnet_mtl.data.tables import read_lines

DROP = "<drop>"
OTHER = "other"
NO_CLASS = "?"
# What people and programs write for an unknown accent. (A map may still have a class
# for it, and name one "no" or "na": Norwegian, Namibia.)
_NOTHING = (
    "<unk> unk unknown unspecified undefined n/a na nan none null nil no ? - -- . -1 0"
).split()
_NAMES = ("na", "no")


@dataclass(frozen=True, kw_only=True)
class AccentPolicy:
    """How accent labels become classes; the options' help says what each value does."""

    several_accents: str = "unknown"
    free_text: str = "unknown"
    no_accent: str = "unknown"
    small_accents: str = "unknown"
    min_clips: int = 1
    min_speakers: int | None = 1  # None: choose_min_speakers chooses


def read_accent_map(path: Path | None) -> dict[str, str]:
    """Read which label belongs to which class.

    A line is ``<label> TAB <class>``, and more columns do not matter; a line that
    begins with ``#`` and has no other cell is a comment. A label may be in quotes, as
    spreadsheets write one with a comma. The class ``<unk>`` says that a label tells
    nothing about an accent, ``<drop>`` that clips with it are to be left out.

    Returns:
        Class by label, labels folded (:func:`names.fold`); empty where no map is given.

    Raises:
        DataDirError: If lines are faulty or a label has two classes; all are named.
    """
    classes: dict[str, str] = {}
    if path is None:
        return classes
    faults = Faults(path)
    for number, line in enumerate(read_lines(path), start=1):
        line = line.rstrip("\r\t ")
        if not line or (line.lstrip('"').startswith("#") and "\t" not in line):
            continue
        label, name = [unquote(part.strip()) for part in [*line.split("\t"), ""][:2]]
        nothing = says_nothing(name) and name not in (UNKNOWN_ACCENT, *_NAMES)
        if not label or not name or len(name.split()) > 1 or nothing:
            fix = (
                f"write '<label> TAB <class>', the class in one word, {UNKNOWN_ACCENT} "
                f"where it is not known, or {DROP}"
            )
            faults.add("no label and class", fix, number, line)
        elif classes.setdefault(fold(label), name) != name:
            faults.add("a label with two classes", "keep one", number, line)
    faults.raise_any()
    return classes


def says_nothing(label: str) -> bool:
    """Whether a label, or the name of a class, means an unknown accent."""
    return not label or fold(label) in _NOTHING


def split_labels(raw: str, known: Container[str]) -> tuple[str, ...]:
    """Take joined labels apart (Common Voice).

    Recent releases join by ``|``. Earlier ones join by commas, which labels also have
    inside: those that are known (folded) are found first, the longest first, and the
    rest is cut at commas outside parentheses.
    """
    if "|" in raw:
        return _distinct(raw.split("|"))
    pieces = _cut_at_commas(raw)
    labels, begin = [], 0
    while begin < len(pieces):
        for end in range(len(pieces), begin, -1):
            candidate = ",".join(pieces[begin:end])
            if end == begin + 1 or fold(candidate) in known:
                labels.append(candidate)
                begin = end
                break
    return _distinct(labels)


def _cut_at_commas(raw: str) -> list[str]:
    pieces: list[str] = []
    piece: list[str] = []
    depth = 0
    for character in raw:
        depth = max(0, depth + (character == "(") - (character == ")"))
        if character == "," and not depth:
            pieces.append("".join(piece))
            piece = []
        else:
            piece.append(character)
    return [*pieces, "".join(piece)]


def _distinct(labels: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(label.strip() for label in labels if label.strip()))


def give_classes(
    clips: Iterable[Clip], classes: Mapping[str, str], policy: AccentPolicy
) -> None:
    """Set the class of each clip (``accent``), or the rule that takes it out."""
    decided: dict[tuple[str, ...], tuple[str, str, str]] = {}
    for clip in clips:
        if clip.labels not in decided:
            decided[clip.labels] = _decide(clip.labels, classes, policy)
        clip.accent, clip.unlabelled, clip.fate = decided[clip.labels]


def _decide(
    labels: tuple[str, ...], classes: Mapping[str, str], policy: AccentPolicy
) -> tuple[str, str, str]:
    """Return the class, why it is unknown, and the rule that takes the clip out."""
    # Whatever else is said of the speaker, and in whatever order
    if any(classes.get(fold(label)) == DROP for label in labels):
        return UNKNOWN_ACCENT, "", "dropped_by_map"
    found: list[str] = []
    for label in labels:
        name = classes.get(fold(label))
        if name is None and says_nothing(label):
            continue
        if name is None:
            if policy.free_text == "drop":
                return UNKNOWN_ACCENT, "free_text", "free_text"
            if policy.free_text == "unknown":
                return UNKNOWN_ACCENT, "free_text", ""
            name = make_class(label) if policy.free_text == "class" else ""
        if name and name != UNKNOWN_ACCENT and name not in found:
            found.append(name)
    if not found:
        fate = "no_accent" if policy.no_accent == "drop" else ""
        return UNKNOWN_ACCENT, "none", fate
    if len(found) == 1:
        return found[0], "", ""
    if policy.several_accents == "join":
        return "+".join(sorted(found)), "", ""
    fate = "several_accents" if policy.several_accents == "drop" else ""
    return UNKNOWN_ACCENT, "several", fate


def choose_min_speakers(clips: Collection[Clip]) -> int:
    """Choose how many speakers an accent needs, where no option says it.

    Three, one for each set. Where fewer than two accents have as many, two: one to
    learn from and one to be tested on.
    """
    speakers: dict[str, set[str]] = defaultdict(set)
    for clip in clips:
        speakers[clip.accent].add(clip.speaker)
    speakers.pop(UNKNOWN_ACCENT, None)
    if sum(len(own) >= 3 for own in speakers.values()) >= 2:
        return 3
    if sum(len(own) >= 2 for own in speakers.values()) < 2:
        return 3
    logging.warning(
        "Fewer than two accents have three speakers, so two are enough for one here "
        "(--min_speakers 2, in --local_data_opts). An accent then has one speaker or "
        "none in each set: what is measured of it is of that speaker"
    )
    return 2


def settle_small_classes(
    clips: Iterable[Clip], policy: AccentPolicy
) -> dict[str, tuple[int, int]]:
    """Change the class of clips whose class is below the minimum.

    Returns:
        Number of clips and of speakers of each such class.
    """
    members: dict[str, list[Clip]] = defaultdict(list)
    for clip in clips:
        members[clip.accent].append(clip)
    members.pop(UNKNOWN_ACCENT, None)
    small = {a: own for a, own in members.items() if _is_small(own, policy)}
    counts = {accent: _count(own) for accent, own in small.items()}
    if policy.small_accents == "other":
        pool = [clip for own in small.values() for clip in own]
        for clip in pool:
            clip.accent = OTHER
        pool += members[OTHER] if OTHER in members.keys() - small.keys() else []
        small = {OTHER: pool} if pool and _is_small(pool, policy) else {}
        counts |= {accent: _count(own) for accent, own in small.items()}
    for own in small.values():
        for clip in own:
            clip.accent, clip.unlabelled = UNKNOWN_ACCENT, "small"
            clip.fate = "small_accent" if policy.small_accents == "drop" else ""
    return counts


def _count(clips: list[Clip]) -> tuple[int, int]:
    return len(clips), len({clip.speaker for clip in clips})


def _is_small(clips: list[Clip], policy: AccentPolicy) -> bool:
    num_clips, num_speakers = _count(clips)
    return num_clips < policy.min_clips or num_speakers < (policy.min_speakers or 0)


def write_labels(path: Path, clips: Iterable[Clip], classes: Mapping[str, str]) -> int:
    """Write every label that occurs, as a map to edit.

    Labels are people's own words, which may be private.

    Returns:
        How many labels there are that name an accent, but have no class.
    """
    counts: dict[str, list[Clip]] = defaultdict(list)
    for clip in clips:
        for label in clip.labels:
            counts[" ".join(label.split())].append(clip)
    num_unknown = 0
    lines = [
        f"# Every accent label: label, class ({NO_CLASS}: the map does not know it),",
        "# clips, speakers. Copy lines to your map and give them a class to use them.",
    ]
    for label in sorted(counts, key=lambda name: (-len(counts[name]), name)):
        own = counts[label]
        speakers = len({clip.speaker for clip in own})
        name = classes.get(fold(label), NO_CLASS)
        num_unknown += name == NO_CLASS and not says_nothing(label)
        lines.append(f"{label}\t{name}\t{len(own)}\t{speakers}")
    write_text(path, "\n".join(lines) + "\n")
    return num_unknown


def require_two(
    clips: Collection[Clip], classes: Container[str], source: Path | str, listed: Path
) -> None:
    """Refuse a corpus whose accents all get lost; warn if it never had any.

    Args:
        classes: The labels (folded) that have a class.
        listed: What :func:`write_labels` has written.

    Raises:
        DataDirError: If there are labels, but fewer than two classes are left.
    """
    found = sorted({clip.accent for clip in clips} - {UNKNOWN_ACCENT})
    if len(found) >= 2:
        return
    labels = {label for clip in clips for label in clip.labels}
    if all(says_nothing(x) and fold(x) not in classes for x in labels):
        logging.warning(
            "%s: no clip has an accent; train a plain recogniser with --asr_args "
            "'--accent_weight 0'",
            source,
        )
        return
    raise DataDirError(
        f"{source}: accents left: {len(found)} ({', '.join(found) or '-'}), and a "
        "branch needs two. See the table above: lower --min_clips or --min_speakers, "
        f"give labels a class in --accent_map ({listed} has all of them), or choose "
        "another --free_text (all options in --local_data_opts). A plain recogniser "
        "needs none: leave all accents empty"
    )
