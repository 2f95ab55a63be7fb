"""What the logs of a study hold for its user: accounts of the data, and warnings."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from plan import SHARED, Step
from progress import find_job_logs
from settings import Settings

from espnet_mtl.job_progress import written_since

_RECORD = re.compile(
    r"^(?:\[\S+\] )?\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d\S* \([^()]*\)"
    r"(?: ([A-Z]+):)? ?(.*)"
)
_WARNING = re.compile(
    rb"^(?:\[\S+\] )?\d{4}-\d\d-\d\d \S+ \((\w+:\d+)\) (?:WARNING|ERROR): (.*)$",
    re.MULTILINE,
)
_NEXT_WARNING = re.compile(r"^(?=(?:WARNING|ERROR): )", re.MULTILINE)
# ESPnet says this of every CTC model: systems.yaml wants it so.
_EXPECTED = (b"Set decoder to none as ctc_weight==1.0",)
_ACCOUNTS = range(1, 5)  # the stages whose commands print what became of the data
_MOST_LINES = 60
_MOST_WARNINGS = 10
_MOST_CHARACTERS = 200
_OPTIONS = (
    'Options in them   go into --recipe_args "...", if nothing else is said; '
    "--asr_args are --train_args"
)


def tell(step: Step, log: Path, since: float) -> list[str]:
    """Say what a finished step of the data found: its accounts and its warnings.

    Args:
        log: The step's own log.
        since: When it began; jobs with logs of that time are its own.
    """
    lines = [*_read(log, step.stage in _ACCOUNTS)]
    for job_log in find_job_logs(step.directory):
        if written_since(job_log, since):
            lines += [f"WARNING: {text}" for _, text in _find_warnings(job_log)]
    lines = [*dict.fromkeys(lines)] if step.stage not in _ACCOUNTS else lines
    if len(lines) > _MOST_LINES:
        more = len(lines) - _MOST_LINES
        lines = [*lines[:_MOST_LINES], f"... and {more} more lines in {log}"]
    return lines


def pick_news(lines: Sequence[str], told: set[str]) -> str:
    """Leave out the warnings that have been told; stage 10 repeats those of stage 5.

    A warning may have many lines. What is new is added to ``told``.
    """
    text = "".join(f"{line}\n" for line in lines)
    news = [part for part in _NEXT_WARNING.split(text) if part not in told]
    told.update(news)
    return "".join(news)


def _read(log: Path, account: bool) -> Iterator[str]:
    """Yield the warnings of a log and, for an account, what its commands printed."""
    is_warning = False
    text = log.read_text(encoding="utf-8", errors="replace")
    for line in text.removesuffix("\n").split("\n"):
        if match := _RECORD.match(line):
            is_warning = match[1] in ("WARNING", "ERROR")
            if is_warning:
                yield f"{match[1]}: {match[2]}"
        elif account and not line.startswith("# "):
            yield line
        elif is_warning and line.startswith(" "):
            yield line  # the warning goes on


@dataclass
class _Kind:
    """Warnings of one place in the code."""

    text: str
    log: Path
    owners: dict[str, int] = field(default_factory=dict)


def summarise(settings: Settings, steps: Sequence[Step]) -> list[str]:
    """Say in a few lines which warnings finished steps have logged, and where."""
    log_dir = settings.study_dir / "log"
    own_logs = [(step.owner, log_dir / f"{step.name}.log") for step in steps]
    owners = {step.owner: step for step in steps if step.owner != SHARED}
    job_logs = [
        (owner, log)
        for owner in owners
        for log in sorted(find_job_logs(settings.exp_of(owner)))
    ]
    kinds: dict[str, _Kind] = {}
    for owner, log in [*own_logs, *job_logs]:
        for place, text in _find_warnings(log):
            kind = kinds.setdefault(place, _Kind(text, log))
            kind.owners[owner] = kind.owners.get(owner, 0) + 1
    lines = []
    first = log_dir / f"{SHARED}.stage01.log"
    if first.exists():
        lines.append(f"Account of data   {first}")
    if not kinds:
        return lines
    lines.append("Warnings          the first of each kind, and the log that has it:")
    ordered = sorted(kinds.values(), key=lambda kind: SHARED not in kind.owners)
    for kind in ordered[:_MOST_WARNINGS]:
        count = sum(kind.owners.values())
        times = f" ({count} times)" if count > 1 else ""
        lines.append(f"  {', '.join(kind.owners)}: {kind.text}{times}")
        lines.append(f"    {kind.log}")
    if len(ordered) > _MOST_WARNINGS:
        more = len(ordered) - _MOST_WARNINGS
        lines.append(f"  ... and {more} more kinds: grep -r WARNING: {log_dir.parent}")
    lines.append(_OPTIONS)
    return lines


def _find_warnings(log: Path) -> Iterable[tuple[str, str]]:
    """Find the warnings in a log: place in the code, first line."""
    try:
        content = log.read_bytes()
    except OSError:
        return
    for place, text in _WARNING.findall(content):
        if not text.startswith(_EXPECTED):
            shown = text.decode("utf-8", errors="replace")
            if len(shown) > _MOST_CHARACTERS:
                shown = f"{shown[:_MOST_CHARACTERS]} ..."
            yield place.decode(), shown
