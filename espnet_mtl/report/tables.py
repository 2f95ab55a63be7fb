"""The report's tables: the main one, and one with everything."""

from collections.abc import Sequence

from espnet_mtl.report.comparison import Difference, Entry, Group, compare
from espnet_mtl.report.experiment import Experiment, Row
from espnet_mtl.report.norms import budget_name, strength
from espnet_mtl.report.table import Table, counted, number

LEGEND = (
    "AdvTWER: word error rate (%) of what the system hears in attacked audio, against "
    "the text that the attacker wanted. ↑ higher = the attack failed, 0 = the attacker "
    "got every word. Null TWER: the same of untouched audio, what a perfect defence "
    "would reach. WER: of the attacked utterances before the attack, against the "
    "truth, ↓ lower is better; stage 13 scores the whole set. "
    "Accent acc.: share (%) of accents recognised, ↑ higher is better. "
    "Differences are in points, system minus baseline, ↑ above 0 = harder to attack "
    "than the baseline; in brackets the 95 % interval of a paired bootstrap over "
    "speakers."
)
LEGEND_ALL = (
    "AdvWER: word error rate (%) in attacked audio against the truth, ↓ lower = less "
    "damage. Success: share (%) of utterances heard exactly as the attacker wanted, "
    "↓ lower = the attack failed. SNR: of the perturbation, in dB, higher = quieter. "
    "Adv. accent acc.: accents recognised in attacked audio (%), ↑ higher is better. "
    "Rows 'noise' are the control: random noise within the same budget; so are "
    "'gaussian', and 'shuffled', the perturbation of another utterance. Rows "
    "'unbounded' are for the audit only. Rows 'none': untouched audio, that is null "
    "TWER and WER."
)


def main_table(group: Group, baselines: Sequence[str]) -> Table:
    """Make the main table: each system under its strongest attacker.

    Args:
        group: Systems to compare.
        baselines: Systems to compare with; those that are missing are left out.

    Returns:
        The table; AdvTWER is that of the strongest attacker at each budget.
    """
    present = [name for name in baselines if group.find(name)]
    accents = _any(group, "accent_acc")
    header = ["system", f"WER ↓ ({_range(_clean_counts(group))} utts)"]
    header += ["accent acc. ↑"] if accents else []
    header += ["null TWER"]
    header += [f"AdvTWER↑ {group.budget_name(b)}" for b in group.budgets]
    if group.budgets:
        strongest = group.budget_name(group.budgets[-1])
        header += [f"− {name} ↑ {strongest} [95 %]" for name in present]
    rows = []
    for entry in group.entries:
        clean = entry.clean or {}
        row = [entry.label, number(clean.get("benign_wer"))]
        row += [number(clean.get("accent_acc"))] if accents else []
        row += [number(clean.get("null_twer"))]
        row += [_adv_twer(entry.strongest(budget)) for budget in group.budgets]
        if group.budgets:
            row += [_minus(group, entry, name) for name in present]
        rows.append(row)
    return Table(header, rows)


def _clean_counts(group: Group) -> list[int]:
    """How many utterances the WER of each system is of."""
    return [entry.clean["n"] for entry in group.entries if entry.clean] or [0]


def _range(counts: Sequence[int]) -> str:
    low, high = min(counts), max(counts)
    return f"{low}" if low == high else f"{low} to {high}"


def _adv_twer(row: Row | None) -> str:
    return number(row["adv_twer"] if row else None)


def _minus(group: Group, entry: Entry, baseline: str) -> str:
    if entry.system == baseline:
        return "-"
    other = group.find(baseline, like=entry)
    return show_difference(compare(entry, other, group.budgets[-1]) if other else None)


def show_difference(difference: Difference | None) -> str:
    """Format a difference with its interval, such as ``+3.10 [-0.20, +6.00]``."""
    if difference is None:
        return "-"
    value, low, high = (
        number(part, sign=True)
        for part in (difference.value, difference.low, difference.high)
    )
    return f"{value} [{low}, {high}]"


def full_table(group: Group) -> Table:
    """Make the table with every row of a group.

    Args:
        group: Systems to compare.

    Returns:
        The table, by system, budget and attacker, controls first.
    """
    accents = _any(group, "adv_accent_acc")
    header = ["system", "attack", "budget", "n", "AdvTWER % ↑", "AdvWER % ↓"]
    header += ["success % ↓", "SNR dB"] + (["adv. accent acc. % ↑"] if accents else [])
    rows = []
    for entry in group.entries:
        every = ([entry.clean] if entry.clean else []) + sorted(
            [*entry.controls, *entry.attacked, *entry.untargeted],
            key=lambda row: (
                strength(group.norm, row["budget"]),
                row["role"] != "control",
                row["attack"] != "noise",
                entry.attacker_of(row),
            ),
        )
        every += entry.audited
        rows += [_full_row(group, entry, row, accents) for row in every]
    return Table(header, rows, text_columns=3)


def _full_row(group: Group, entry: Entry, row: Row, accents: bool) -> list[str]:
    untouched = row["attack"] == "none"
    attacks = row["role"] == "main"
    cells = [
        entry.label,
        entry.attacker_of(row) if attacks else row["attack"],
        "-" if untouched else budget_name(row["norm"], row["budget"]),
        str(row["n"]),
        number(row["null_twer" if untouched else "adv_twer"]),
        number(row["benign_wer" if untouched else "adv_wer"]),
        number(row.get("success_rate"), 1),
        number(row.get("snr_db"), 1),
    ]
    if accents:
        name = "accent_acc" if untouched else "adv_accent_acc"
        cells.append(number(row.get(name), 1))
    return cells


def _any(group: Group, name: str) -> bool:
    rows = (row for entry in group.entries for row in entry.result.rows)
    return any(row.get(name) is not None for row in rows)


def notes(group: Group) -> list[str]:
    """Say how much was attacked, and who stands behind the main table's AdvTWER.

    Args:
        group: Systems to compare.

    Returns:
        Sentences.
    """
    rows = [row for entry in group.entries for row in entry.result.rows]
    counts = [row["n"] for row in rows if row["role"] != "audit"]
    speakers = set().union(*(entry.speakers for entry in group.entries))
    utterances = f"{_range(counts)} utterance{'' if max(counts) == 1 else 's'}"
    who = counted(len(speakers), "speaker")
    said = [f"{utterances} of {who} ({group.title})."]
    if group.norm == "snr":
        said.append(
            "Budgets in dB are the lowest SNR allowed: fewer dB are a louder "
            "perturbation, that is the larger attack."
        )
    if len(group.attackers) == 1:
        said.append(f"The only attacker was {group.attackers[0]}.")
    chosen: dict[str, list[str]] = {}
    for entry in group.entries:
        if entry.has_choice:
            chosen.setdefault(_chosen(group, entry), []).append(entry.label)
    if chosen:
        parts = [f"{who} on {', '.join(names)}" for who, names in chosen.items()]
        said.append(
            "AdvTWER is that of the strongest attacker, the one with the lowest pooled "
            f"AdvTWER: {'; '.join(parts)}."
        )
    one = [entry.label for entry in group.entries if _shares_attacker(entry)]
    if one:
        said.append(f"All attackers are the same on {', '.join(one)}.")
    return said


def _shares_attacker(entry: Entry) -> bool:
    return len(entry.attackers) > 1 and not entry.has_choice


def _chosen(group: Group, entry: Entry) -> str:
    budgets: dict[str, list[str]] = {}
    for budget in group.budgets:
        if row := entry.strongest(budget):
            name = entry.attacker_of(row)
            budgets.setdefault(name, []).append(group.budget_name(budget))
    if len(budgets) == 1:
        return next(iter(budgets))
    return ", ".join(f"{name} at {' and '.join(at)}" for name, at in budgets.items())


def clean_table(experiments: Sequence[Experiment]) -> Table | None:
    """Make the table of whole sets of untouched audio.

    Args:
        experiments: The systems.

    Returns:
        The table; ``None`` where nothing has been decoded and scored.
    """
    rows = []
    for experiment in experiments:
        accuracy = {
            (item.set_name, item.decoder): item.accuracy
            for item in experiment.confusions
        }
        rows += [
            [
                experiment.system,
                item.decoder,
                item.set_name,
                str(item.utterances),
                number(item.wer, 1),
                number(accuracy.get((item.set_name, item.decoder)), 1),
            ]
            for item in experiment.clean
        ]
    header = ["system", "decoding", "set", "utterances", "WER % ↓", "accent acc. % ↑"]
    return Table(header, rows, text_columns=3) if rows else None
