"""Tables of results: each system under attack, every trial, untouched audio."""

from collections.abc import Sequence

from espnet_mtl.report.audit.audits import AuditGroup, every_audit, find_audit
from espnet_mtl.report.audit.evidence import stem_of
from espnet_mtl.report.comparison import Difference, compare
from espnet_mtl.report.document import Block, Heading
from espnet_mtl.report.groups import Group, SystemResult
from espnet_mtl.report.norms import budget_name, strength
from espnet_mtl.report.robustness.blocks import half_broken_snr
from espnet_mtl.report.robustness.curves import GroupCurves
from espnet_mtl.report.table import Table, bracketed, counted, number
from espnet_mtl.results.attack_scores import Row
from espnet_mtl.results.trial import WORST_CASE, Words

LEGEND = (
    "AdvTWER: word error rate (%) of what the system hears in attacked audio, against "
    "the text that the attacker wanted. ↑ higher = the attack failed, 0 = the attacker "
    "got every word. Null TWER: the same of untouched audio, what a perfect defence "
    "would reach. WER: of the attacked utterances before the attack, against the "
    "truth, ↓ lower is better; stage 13 scores the whole set. "
    "Accent acc.: share (%) of accents recognised, ↑ higher is better; balanced: the "
    "mean of that share over the accents; majority: the share of the most frequent "
    "accent, which whoever always says that one gets. "
    "Differences are in points, system minus baseline, ↑ above 0 = harder to attack "
    "than the baseline; in brackets the 95 % interval of a paired bootstrap over "
    "speakers."
)
DECIBELS = (
    "Differences in dB: how much louder the noise may be before a recording is heard "
    "as the attacker wanted, on average over the recordings; 6 dB are twice as much. "
    "Recordings that the weakest noise tried breaks already, or that the loudest does "
    "not break, count as if they were broken just there. In brackets 95 % intervals "
    "over speakers."
)
LEGEND_ALL = (
    "AdvWER: word error rate (%) in attacked audio against the truth, ↓ lower = less "
    "damage. Success: share (%) of utterances heard exactly as the attacker wanted "
    "(without a target: other words than were said, or the same words in another "
    "accent), ↓ lower = the attack failed; in brackets the exact 95 % interval, with "
    "utterances taken as independent. SNR: of the perturbation, in dB, higher = "
    "quieter. "
    "Adv. accent acc.: accents recognised in attacked audio (%), ↑ higher is better. "
    "Rows 'noise' are the control: random noise within the same budget; so are "
    "'gaussian', and 'shuffled', the perturbation of another utterance. Rows "
    "'unbounded', 'scratch' and 'black_box' are for the audit only; so are rows "
    "'planted', audio made for a victim with a planted example, as the system itself "
    "hears it. Rows 'none': untouched audio, that is null TWER and WER."
)
LEGEND_TRIALS = (
    "AdvTWER ↑: word errors against the attacker's target, in percent; higher means "
    "that the attack failed. Null: the same of the untouched audio. AdvWER: word "
    "errors against the truth; benign WER: the same before the attack, of these n "
    "utterances (stage 13 scores the whole set). Success: utterances in which the "
    "attacker got what was wanted, in percent: exactly the target; or, without a "
    "target, other words than were said, or the same words in another accent; in "
    "brackets the exact (binomial) 95 % interval, with utterances taken as "
    "independent. Accents: "
    "accuracy, balanced accuracy (mean recall), and the share of the most frequent one."
)


def main_table(group: Group, baselines: Sequence[str]) -> Table:
    """Make the main table: each system under its strongest attacker at each budget.

    Baselines that are missing are left out.
    """
    present = [name for name in baselines if group.find(name)]
    accents = any(row.accent_acc is not None for row in _rows(group))
    counts = _range([system.clean.n for system in group.systems])
    header = ["system", f"WER ↓ ({counts} utts)"]
    header += ["accent acc. ↑", "balanced ↑", "majority"] if accents else []
    header += ["null TWER"]
    header += [f"AdvTWER↑ {group.budget_name(b)}" for b in group.budgets]
    if group.budgets:
        strongest = group.budget_name(group.budgets[-1])
        header += [f"− {name} ↑ {strongest} [95 %]" for name in present]
    rows = []
    for system in group.systems:
        row = [system.label, number(system.clean.benign_wer)]
        if accents:
            clean = system.clean
            row += map(number, (clean.accent_acc, clean.accent_balanced_acc))
            row += [number(clean.accent_majority)]
        row += [number(system.clean.null_twer)]
        row += [_adv_twer(system.strongest(budget)) for budget in group.budgets]
        if group.budgets:
            row += [_minus(group, system, name) for name in present]
        rows.append(row)
    return Table(header, rows)


def short_table(group: Group) -> Table:
    """Make the table of the README: a system, then the same one with accents."""
    header = ["system", "WER ↓", "AdvTWER ↑ without attack"]
    header += [f"budget {group.budget_name(budget)}" for budget in group.budgets]
    places = {system.system: place for place, system in enumerate(group.systems)}

    def place_of_twin(one: SystemResult) -> int:
        return places.get(stem_of(one.system), places[one.system])

    rows = [
        [
            one.label,
            number(one.clean.benign_wer),
            number(one.clean.null_twer),
            *(_adv_twer(one.strongest(budget)) for budget in group.budgets),
        ]
        for one in sorted(group.systems, key=place_of_twin)
    ]
    return Table(header, rows)


def glance_table(
    group: Group, curves: GroupCurves | None, audits: Sequence[AuditGroup]
) -> Table:
    """Make the small table: what matters most of each system, in a few columns."""
    by_label = {one.label: one for one in curves.systems} if curves else {}
    every = every_audit(audits)
    header = ["system", "WER % ↓"]
    if group.budgets:
        header += ["AdvTWER % ↑ without attack"]
        header += [f"at {group.budget_name(budget)}" for budget in group.budgets]
    header += ["half broken: dB below speech ↓ [95 %]"] if by_label else []
    header += ["audit"] if every else []
    rows = []
    for system in group.systems:
        row = [system.label, number(system.clean.benign_wer)]
        if group.budgets:
            row.append(number(system.clean.null_twer, 1))
        row += [_adv_twer(system.strongest(budget), 1) for budget in group.budgets]
        if by_label:
            curve = by_label.get(system.label)
            row.append(half_broken_snr(curve.whole) if curve else "-")
        if every:
            audit = find_audit(every, system.result)
            row.append(audit.short if audit else "-")
        rows.append(row)
    return Table(header, rows)


def glance_legend(group: Group, curves: GroupCurves | None) -> str:
    """Explain the columns of the small table."""
    parts = ["WER: before the attack, ↓ lower is better."]
    if group.budgets:
        parts.append(
            "AdvTWER: word error rate of what is heard in attacked audio, against what "
            "the attacker wanted; ↑ higher = the attack failed."
        )
    if curves:
        parts.append(
            "Half broken: how far below the speech the noise is with which half of the "
            "recordings are heard exactly as the attacker wanted; ↓ fewer dB = louder "
            "noise is needed."
        )
    return " ".join(parts)


def other_goals(group: Group) -> list[Block]:
    """Make tables of attacks that want other words, or another accent.

    They have columns of their own: AdvTWER says nothing where there is no target.
    """
    blocks: list[Block] = []
    for words, title, columns in _OTHER_GOALS:
        rows = [
            (system, row)
            for system in group.systems
            for row in system.untargeted
            if row.words == words
        ]
        if not rows:
            continue
        rows.sort(key=lambda one: group.systems.index(one[0]))  # else as they are
        header = ["system", "attacker", "budget", "n", *columns]
        cells = [
            [
                system.label,
                system.attacker_of(row),
                budget_name(row.norm, row.budget),
                str(row.n),
                *_OTHER_CELLS[words](row),
            ]
            for system, row in rows
        ]
        blocks += [Heading(title, level=3), Table(header, cells, text_columns=2)]
    return blocks


_OTHER_GOALS: Sequence[tuple[Words, str, Sequence[str]]] = (
    (
        "away",
        "Attacks that want anything but what was said",
        (
            "WER % without attack",
            "AdvWER % ↓ [95 %]",
            "recordings with a wrong word % without attack",
            "attacked ↓ [95 %]",
            "SNR dB",
        ),
    ),
    (
        "keep",
        "Attacks that want another accent and the same words",
        (
            "accents right % without attack",
            "attacked ↑",
            "AdvWER % ↓ [95 %]",
            "another accent and the same words % without attack",
            "attacked ↓ [95 %]",
            "SNR dB",
        ),
    ),
)


def _away_cells(row: Row) -> list[str]:
    return [
        number(row.benign_wer, 1),
        f"{number(row.adv_wer, 1)}{bracketed(row.adv_wer_ci, 1)}",
        number(row.null_success_rate, 1),
        _success(row, 1),
        number(row.snr_db, 1),
    ]


def _keep_cells(row: Row) -> list[str]:
    return [
        number(row.accent_acc, 1),
        number(row.adv_accent_acc, 1),
        *_away_cells(row)[1:],
    ]


_OTHER_CELLS = {"away": _away_cells, "keep": _keep_cells}


def _rows(group: Group) -> list[Row]:
    return [row for system in group.systems for row in system.result.rows]


def _range(counts: Sequence[int]) -> str:
    low, high = min(counts), max(counts)
    return f"{low}" if low == high else f"{low} to {high}"


def _adv_twer(row: Row | None, digits: int = 2) -> str:
    return number(row.adv_twer if row else None, digits)


def _minus(group: Group, system: SystemResult, baseline: str) -> str:
    if system.system == baseline:
        return "-"
    other = group.find(baseline, like=system)
    return show_difference(compare(system, other, group.budgets[-1]) if other else None)


def show_difference(difference: Difference | None) -> str:
    """Format a difference with its interval, such as ``+3.10 [-0.20, +6.00]``."""
    if difference is None:
        return "-"
    ends = (difference.low, difference.high)
    return f"{number(difference.value, sign=True)}{bracketed(ends, sign=True)}"


def _success(row: Row, digits: int = 2) -> str:
    """Format a row's success with its interval, such as ``96.9 [89.2, 99.6]``."""
    return f"{number(row.success_rate, digits)}{bracketed(row.success_ci, digits)}"


def full_table(group: Group) -> Table:
    """Make the table with every row, by system, budget and attacker; controls first."""
    accents = any(row.adv_accent_acc is not None for row in _rows(group))
    header = ["system", "attack", "budget", "n", "AdvTWER % ↑", "AdvWER % ↓"]
    header += ["success % ↓ [95 %]", "SNR dB"]
    header += ["adv. accent acc. % ↑", "adv. balanced acc. % ↑"] if accents else []
    rows = []
    for system in group.systems:
        every = [system.clean, *_by_budget(system), *system.result.of("audit")]
        rows += [_full_row(system, row, accents) for row in every]
    return Table(header, rows, text_columns=3)


def _by_budget(system: SystemResult) -> list[Row]:
    def place(row: Row) -> tuple[float, bool, bool, str]:
        is_control, is_noise = row.role == "control", row.attack == "noise"
        size = strength(system.norm, row.budget)
        return size, not is_control, not is_noise, system.attacker_of(row)

    return sorted([*system.controls, *system.attacked, *system.untargeted], key=place)


def _full_row(system: SystemResult, row: Row, accents: bool) -> list[str]:
    untouched = row.is_untouched
    cells = [
        system.label,
        system.attacker_of(row) if row.role == "main" else row.attack,
        "-" if untouched else budget_name(row.norm, row.budget),
        str(row.n),
        number(_against_target(row)),
        number(row.benign_wer if untouched else row.adv_wer),
        _success(row, 1),
        number(row.snr_db, 1),
    ]
    if accents:
        cells += [
            number(row.accent_acc if untouched else row.adv_accent_acc, 1),
            number(
                row.accent_balanced_acc if untouched else row.adv_accent_balanced_acc, 1
            ),
        ]
    return cells


def _against_target(row: Row) -> float | None:
    """Return what is heard against the target; an attack without one wants none."""
    if row.is_untouched:
        return row.null_twer
    return row.adv_twer if row.words == "target" else None


def notes(group: Group) -> list[str]:
    """Say in sentences how much was attacked, and by whom."""
    counts = [row.n for row in _rows(group) if row.role not in ("audit", "curve")]
    utterances = f"{_range(counts)} utterance{'' if max(counts) == 1 else 's'}"
    who = counted(len(group.speakers), "speaker")
    said = [f"{utterances} of {who} ({group.title})."]
    if group.norm == "snr":
        said.append(
            "Budgets in dB are the lowest SNR allowed: fewer dB are a louder "
            "perturbation, that is, a larger attack."
        )
    if group.attackers == [WORST_CASE]:
        said.append("Each utterance counts with the worst of a suite's attacks.")
    elif len(group.attackers) == 1:
        said.append(f"The only attacker was {group.attackers[0]}.")
    chosen: dict[str, list[str]] = {}
    for system in group.systems:
        if system.has_choice and (name := _chosen(group, system)):
            chosen.setdefault(name, []).append(system.label)
    if chosen:
        parts = [f"{who} on {', '.join(names)}" for who, names in chosen.items()]
        said.append(
            "AdvTWER is that of the strongest attacker, the one with the lowest pooled "
            f"AdvTWER: {'; '.join(parts)}."
        )
    alike = [
        system.label
        for system in group.systems
        if len(system.attackers) > 1 and not system.has_choice
    ]
    if alike:
        said.append(f"All attackers are equivalent for {', '.join(alike)}.")
    return said


def _chosen(group: Group, system: SystemResult) -> str:
    budgets: dict[str, list[str]] = {}
    for budget in group.budgets:
        if row := system.strongest(budget):
            name = system.attacker_of(row)
            budgets.setdefault(name, []).append(group.budget_name(budget))
    if len(budgets) == 1:
        return next(iter(budgets))
    return ", ".join(f"{name} at {' and '.join(at)}" for name, at in budgets.items())


def trial_table(rows: Sequence[Row]) -> Table:
    """Make the table of one attacked decoding, a row for each trial.

    Trials that look for the smallest budgets have no budget of their own, and no row.
    """
    header = ["trial", "n", "infeasible", "benign WER", "null TWER", "AdvTWER ↑"]
    header += ["AdvWER", "success", "SNR dB", "accent acc.", "balanced", "majority"]
    header += ["adv. accent acc.", "adv. balanced"]
    cells = [
        [
            row.trial,
            str(row.n),
            str(row.num_infeasible),
            number(row.benign_wer),
            number(row.null_twer),
            number(row.adv_twer),
            number(row.adv_wer),
            _success(row),
            number(row.snr_db),
            number(row.accent_acc),
            number(row.accent_balanced_acc),
            number(row.accent_majority),
            number(row.adv_accent_acc),
            number(row.adv_accent_balanced_acc),
        ]
        for row in rows
        if row.role != "curve"
    ]
    return Table(header, cells)
