"""Scores of a decoding for people: ``result.txt``, as users of ``sclite`` know it."""

import math
from collections.abc import Iterable, Mapping

from espnet_mtl.metrics.accent import caution
from espnet_mtl.metrics.wer import EditCounts, pool
from espnet_mtl.results.clean_scores import AccentConfusion, PooledErrors

_HEADER = ("# Snt", "# Wrd", "Corr", "Sub", "Del", "Ins", "Err", "S.Err")


def pool_utterances(counts: Iterable[EditCounts]) -> PooledErrors:
    """Add up the errors of utterances."""
    every = list(counts)
    wrong = sum(1 for count in every if count.errors)
    return PooledErrors(utterances=len(every), wrong=wrong, **pool(every)._asdict())


def show_percentages(errors: PooledErrors) -> list[str]:
    """Write pooled errors in the columns of ``sclite``'s summary.

    Returns:
        Utterances and words; then correct, substitutions, deletions, insertions and
        errors in percent of the words, and wrong utterances in percent of all.
    """
    words = errors.words
    rates = [f"{100 * n / words:.1f}" if words else "nan" for n in _columns(errors)]
    wrong = f"{100 * errors.wrong / errors.utterances:.1f}"
    return [str(errors.utterances), str(words), *rates, wrong]


def _show_counts(errors: PooledErrors) -> list[str]:
    numbers = (errors.utterances, errors.words, *_columns(errors), errors.wrong)
    return list(map(str, numbers))


def _columns(errors: PooledErrors) -> tuple[int, ...]:
    changed = (errors.substitutions, errors.deletions, errors.insertions)
    return (errors.correct, *changed, errors.errors)


def format_score_table(
    counts: Mapping[str, EditCounts], groups: Mapping[str, str], title: str = "SPKR"
) -> str:
    """Format errors in two tables, in percent and as counts.

    They have a row for each group, a speaker or accent by utterance. The pooled row of
    the percentages is called ``Sum/Avg``, as ESPnet's ``show_asr_result.sh`` looks for
    it.
    """
    members: dict[str, list[EditCounts]] = {}
    for utt, count in counts.items():
        members.setdefault(groups[utt], []).append(count)
    pooled = {name: pool_utterances(members[name]) for name in sorted(members)}
    total = pool_utterances(counts.values())
    percent = [(name, show_percentages(errors)) for name, errors in pooled.items()]
    percent.append(("Sum/Avg", show_percentages(total)))
    numbers = [(name, _show_counts(errors)) for name, errors in pooled.items()]
    numbers.append(("Sum", _show_counts(total)))
    return (
        "Percent of the reference words (S.Err: of the utterances), pooled\n\n"
        f"{_format(title, percent)}\n\nCounts\n\n{_format(title, numbers)}\n"
    )


def _format(title: str, rows: list[tuple[str, list[str]]]) -> str:
    size = max(len(name) for name, _ in [(title, []), *rows])
    lines = [
        f"| {name:{size}} | {' '.join(f'{cell:>6}' for cell in cells[:2])} "
        f"| {' '.join(f'{cell:>6}' for cell in cells[2:])} |"
        for name, cells in [(title, list(_HEADER)), *rows]
    ]
    rule = "|" + "-" * (len(lines[0]) - 2) + "|"
    return "\n".join([lines[0], rule, *lines[1:-1], rule, lines[-1]])


def format_accents(confusion: AccentConfusion) -> str:
    """Format the accuracies, and in a table which accents were recognised as which."""
    size = max(map(len, (*confusion.accents, "recognised")))
    width = max(6, *map(len, confusion.accents)) if confusion.accents else 6
    names = " ".join(f"{name:>{width}}" for name in confusion.accents)
    shown = confusion.accuracy, confusion.balanced_accuracy, confusion.majority_share
    said = caution(*shown)
    lines = [
        f"accuracy {_show(confusion.accuracy)} % ({confusion.correct} of "
        f"{confusion.labelled} utterances; {confusion.unlabelled} without a label left "
        "out)",
        f"balanced accuracy {_show(confusion.balanced_accuracy)} % (mean recall)",
        f"majority {_show(confusion.majority_share)} % (share of the most frequent "
        f"accent, {confusion.majority_accent})",
        *([_say_intervals(confusion)] if confusion.accuracy_ci else []),
        *([f"Caution: {said}."] if said else []),
        "",
        "Utterances: rows true, columns recognised",
        "",
        f"{'':{size}} {names} recall",
    ]
    for name, row in zip(confusion.accents, confusion.counts, strict=True):
        cells = " ".join(f"{count:>{width}}" for count in row)
        lines.append(f"{name:{size}} {cells} {_show(confusion.recall(name)):>6}")
    return "\n".join(lines) + "\n"


def _say_intervals(confusion: AccentConfusion) -> str:
    accuracy, balanced = (
        f"[{_show(ends[0])}, {_show(ends[1])}] %" if ends else "unknown"
        for ends in (confusion.accuracy_ci, confusion.balanced_ci)
    )
    return (
        f"95 % intervals, over {confusion.num_speakers} speakers: accuracy {accuracy}, "
        f"balanced {balanced}"
    )


def _show(percent: float | None) -> str:
    return f"{math.nan if percent is None else percent:.2f}"
