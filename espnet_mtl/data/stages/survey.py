"""Stage 1: what later stages will do with the audio, said before they do it.

Headers are read, and nothing is decoded.
"""

import logging
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from espnet_mtl.atomic import write_text
from espnet_mtl.data.audio_file import Header
from espnet_mtl.data.channels import ERROR, MIX, SPEAKERS_ADVICE
from espnet_mtl.data.datadir import DataDir
from espnet_mtl.data.errors import DataDirError
from espnet_mtl.data.headers import Look, read_headers
from espnet_mtl.data.kept import Fate, format_kept
from espnet_mtl.data.segments import TO_THE_END
from espnet_mtl.data.sources import is_command
from espnet_mtl.data.speech_rate import FASTEST, SLOWEST, find_odd_rate
from espnet_mtl.data.stages.remove_long_short import Limits, warn_of_losses

# Beside the data directories.
REMARKS = "audio_remarks.tsv"
_SHOWN = 10


@dataclass(frozen=True)
class Policy:
    """What later stages do with audio.

    Attributes:
        channels: What stage 3 makes of several; see :mod:`..channels`.
        max_bad_audio: Share of a set that stage 3 may leave out.
        limits: What stage 4 leaves in training and validation sets.
    """

    channels: str
    max_bad_audio: float
    limits: Limits


@dataclass
class _Set:
    """A data directory, and what the headers of its recordings say."""

    directory: DataDir
    looks: Mapping[str, Look]
    remarks: dict[str, list[str]] = field(default_factory=dict)

    @property
    def path(self) -> Path:
        return self.directory.path

    @cached_property
    def seconds(self) -> dict[str, float | None]:
        return {utt: self._length(utt) for utt in self.directory.utts}

    def look(self, utt: str) -> Look | None:
        """Give what was seen of an utterance's recording; ``None`` for a command."""
        recording = self.directory.recording_of(utt)
        return self.looks.get(self.directory.tables["wav.scp"][recording])

    def header(self, utt: str) -> Header | None:
        look = self.look(utt)
        return look.header if look else None

    def note(self, utt: str, remark: str) -> None:
        self.remarks.setdefault(utt, []).append(remark)

    def _length(self, utt: str) -> float | None:
        segment = self.directory.segments.get(utt)
        if segment is not None and segment.end != TO_THE_END:
            return segment.end - segment.start
        header = self.header(utt)
        if header is None:
            return None
        return header.seconds - (segment.start if segment else 0)


def survey(
    trained: Sequence[Path], tested: Sequence[Path], policy: Policy, jobs: int = 1
) -> None:
    """Look at the audio of all sets, and tell what stages 3 and 4 will make of it.

    Prints what stage 4 will leave of each accent, where that is not all; lists what is
    remarkable about single utterances in ``audio_remarks.tsv`` beside the sets. Of
    commands in ``wav.scp``, nothing is known: only stage 3 runs them.

    Args:
        trained: Directories of which stage 4 leaves utterances out.
        tested: Those of which it does not.
        jobs: Threads that read headers.

    Raises:
        DataDirError: If stage 3 would refuse a set, because its audio is bad or has
            several channels. The message tells of all sets.
    """
    folder = trained[0].parent if trained else tested[0].parent
    directories = [
        DataDir.load(path, may_be_empty=("text",)) for path in [*trained, *tested]
    ]
    values = dict.fromkeys(
        value
        for directory in directories
        for value in directory.tables["wav.scp"].values()
        if not is_command(value)
    )
    others = folder.glob("*/headers.jsonl")
    looks = read_headers(list(values), folder / "headers.jsonl", jobs, others)
    sets = [_Set(directory, looks) for directory in directories]

    _tell_commands(sets)
    faults = [*_find_bad_audio(sets, policy), *_find_channels(sets, policy)]
    _find_odd_rates(sets)
    _forecast(sets[: len(trained)], policy.limits)
    path = _write_remarks(folder, sets)
    if faults:
        more = f"\nAll of them: {path}" if path else ""
        raise DataDirError("\n".join(faults) + more)


def _tell_commands(sets: Iterable[_Set]) -> None:
    for one in sets:
        count = sum(map(is_command, one.directory.tables["wav.scp"].values()))
        if count:
            logging.info(
                "%s: %d recordings are commands, which only stage 3 runs: what is "
                "wrong with their audio shows there",
                one.path / "wav.scp",
                count,
            )


def _find_bad_audio(sets: Iterable[_Set], policy: Policy) -> Iterable[str]:
    for one in sets:
        bad = {
            utt: look.why
            for utt in one.directory.utts
            if (look := one.look(utt)) is not None and look.header is None
        }
        if not bad:
            continue
        for utt, why in bad.items():
            one.note(utt, why)
        total = len(one.directory.utts)
        said = f"{one.path}: {len(bad)} of {total} utterances have unusable audio"
        if len(bad) <= policy.max_bad_audio * total:
            logging.warning("%s; stage 3 will leave them out", said)
            continue
        shown = "".join(f"\n    {u}: {why}" for u, why in list(bad.items())[:_SHOWN])
        yield f"{said}; repair them, or allow a share by --max_bad_audio:{shown}"


def _find_channels(sets: Sequence[_Set], policy: Policy) -> Iterable[str]:
    counts = []
    parts = False
    for one in sets:
        found: Counter[int] = Counter()
        for utt in one.directory.utts:
            header = one.header(utt)
            if header is None or header.channels == 1:
                continue
            found[header.channels] += 1
            one.note(utt, f"{header.channels} channels")
        total = len(one.directory.utts)
        counts += [
            f"{number} of {total} utterances of {one.path} have {channels} channels"
            for channels, number in sorted(found.items())
        ]
        parts = parts or bool(found and one.directory.has_segments)
    if not counts:
        return
    said = "; ".join(counts)
    if policy.channels == ERROR:
        advice = f". But {SPEAKERS_ADVICE}" if parts else ""
        yield (
            f"{said}, where one is needed. --channels mix takes their mean, --channels "
            f"first the first one{advice}"
        )
        return
    logging.info("%s; --channels %s makes one of them", said, policy.channels)
    if parts and policy.channels == MIX:
        logging.warning("Utterances are parts of such recordings: %s", SPEAKERS_ADVICE)


def _find_odd_rates(sets: Iterable[_Set]) -> None:
    for one in sets:
        odd = {
            utt: rate
            for utt, text in one.directory.tables["text"].items()
            if (seconds := one.seconds[utt]) and (rate := find_odd_rate(text, seconds))
        }
        for utt, rate in odd.items():
            one.note(utt, rate)
        if odd:
            logging.warning(
                "%s: %d of %d utterances have more than %g letters a second or fewer "
                "than %g, so that audio and text hardly belong together; such as %s "
                "(%s). All are in %s",
                one.path,
                len(odd),
                len(one.directory.utts),
                FASTEST,
                SLOWEST,
                *next(iter(odd.items())),
                one.path.parent / REMARKS,
            )


def _forecast(sets: Iterable[_Set], limits: Limits) -> None:
    """Say what stage 4 will leave out, at the recorded speed."""
    shown: dict[str, list[Fate]] = {}
    for one in sets:
        text, accents = (one.directory.tables[n] for n in ("text", "utt2accent"))
        fates = [
            Fate(utt, accents[utt], seconds, limits.judge(seconds, text[utt]))
            for utt, seconds in one.seconds.items()
        ]
        left_out = [fate for fate in fates if fate.reason]
        for fate in left_out:
            length = "" if fate.seconds is None else f" ({fate.seconds:.1f} s)"
            one.note(fate.utt, f"left out by stage 4: {fate.reason}{length}")
        if left_out:
            shown[one.path.name] = fates
    if shown:
        print(
            f"Stage 4 will leave out what is not between {limits.shortest:g} and "
            f"{limits.longest:g} s or has no words:\n{format_kept(shown)}",
            flush=True,
        )
    warn_of_losses(shown)


def _write_remarks(folder: Path, sets: Iterable[_Set]) -> Path | None:
    lines = []
    for one in sets:
        accents = one.directory.tables["utt2accent"]
        for utt, remarks in sorted(one.remarks.items()):
            seconds = one.seconds[utt]
            length = "-" if seconds is None else f"{seconds:.2f}"
            lines.append(
                f"{one.path.name}\t{utt}\t{accents[utt]}\t{length}\t"
                f"{'; '.join(remarks)}\n"
            )
    path = folder / REMARKS
    if not lines:
        path.unlink(missing_ok=True)
        return None
    write_text(path, "set\tutterance\taccent\tseconds\tremark\n" + "".join(lines))
    logging.info("%s: what is remarkable about the audio of single utterances", path)
    return path
