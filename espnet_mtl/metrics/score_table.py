"""The table of errors by speaker, in the columns of ``sclite``'s summary."""

from collections.abc import Mapping, Sequence

from espnet_mtl.metrics.wer import EditCounts, pool

_HEADER = ("# Snt", "# Wrd", "Corr", "Sub", "Del", "Ins", "Err", "S.Err")


def format_score_table(
    counts: Mapping[str, EditCounts], groups: Mapping[str, str], title: str = "SPKR"
) -> str:
    """Format errors by group, in percent and as counts.

    The pooled row of the percentages is called ``Sum/Avg``, as ESPnet's
    ``show_asr_result.sh`` looks for it.

    Args:
        counts: Counts by utterance.
        groups: Speaker (or accent) by utterance.
        title: What the groups are.

    Returns:
        Two tables as text.
    """
    members: dict[str, list[EditCounts]] = {}
    for utt, count in counts.items():
        members.setdefault(groups[utt], []).append(count)
    pooled = list(counts.values())
    percent = [(name, _percentages(members[name])) for name in sorted(members)]
    percent.append(("Sum/Avg", _percentages(pooled)))
    totals = [(name, _totals(members[name])) for name in sorted(members)]
    totals.append(("Sum", _totals(pooled)))
    return (
        "Percent of the reference words (S.Err: of the utterances), pooled\n\n"
        f"{_format(title, percent)}\n\nCounts\n\n{_format(title, totals)}\n"
    )


def _totals(counts: Sequence[EditCounts]) -> list[str]:
    total = pool(counts)
    wrong = sum(1 for count in counts if count.errors)
    numbers = (len(counts), total.words, *total, total.errors, wrong)
    return [str(number) for number in numbers]


def _percentages(counts: Sequence[EditCounts]) -> list[str]:
    sentences, words, *errors, wrong = map(int, _totals(counts))
    rates = [f"{100 * n / words:.1f}" if words else "nan" for n in errors]
    return [str(sentences), str(words), *rates, f"{100 * wrong / sentences:.1f}"]


def _format(title: str, rows: list[tuple[str, list[str]]]) -> str:
    size = max(len(name) for name, _ in [(title, []), *rows])
    lines = [
        f"| {name:{size}} | {' '.join(f'{cell:>6}' for cell in cells[:2])} "
        f"| {' '.join(f'{cell:>6}' for cell in cells[2:])} |"
        for name, cells in [(title, list(_HEADER)), *rows]
    ]
    rule = "|" + "-" * (len(lines[0]) - 2) + "|"
    return "\n".join([lines[0], rule, *lines[1:-1], rule, lines[-1]])
