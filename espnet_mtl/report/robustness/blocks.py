"""The report's section about robustness curves: what it says, and its tables."""

from collections.abc import Callable, Sequence

from espnet_mtl.metrics.binomial import LEAST_VALUES
from espnet_mtl.report.document import Block, Heading, Text
from espnet_mtl.report.norms import LEVELS, budget_name
from espnet_mtl.report.robustness.curves import GroupCurves, SystemCurves
from espnet_mtl.report.table import Table, counted, number
from espnet_mtl.results.curve import Curve, Median

HOW_TO_READ = (
    "For each utterance, the attack looks for the smallest budget that makes the "
    "system hear exactly the target. The curve shows AdvTWER of all these utterances "
    "as the budget grows (logarithmic axis): ↑ higher and further to the right = "
    "harder to attack. The level dotted line is the null value, of untouched audio. "
    "Bands: 95 % over speakers, at each budget for itself. What counts is the saved "
    "file, as stage 17 scored it. A stronger attack may need less: the audit below "
    "says how far this one can be relied on."
)


def curve_blocks(curves: GroupCurves) -> list[Block]:
    """Write what is said below the plots: tables, how to read them, warnings."""
    blocks: list[Block] = [Text(line, warning=True) for line in curve_warnings(curves)]
    blocks += [system_table(curves), Text(_legend(curves))]
    if curves.accents:
        blocks += [
            Heading("Median smallest budget by accent", level=3),
            accent_table(curves),
        ]
    return blocks


def attacker_blocks(curves: GroupCurves) -> list[Block]:
    """Write how near each attacker comes to the best of all; nothing for only one."""
    if not curves.attackers:
        return []
    said = (
        "Each attacker alone. Optimality: how near its curve comes to the lower "
        "envelope of all, which takes for each utterance the smallest budget that any "
        "of them found: 1 = it is the envelope, 0 = it breaks nothing (Cinà et al., "
        "AttackBench, arXiv 2404.19460; budgets by their logarithm). It compares only "
        "the attackers that were run. The figures above are those of the envelope."
    )
    return [attacker_table(curves), Text(said)]


def system_table(curves: GroupCurves) -> Table:
    """Make the table of systems: median smallest budget, area, what was not broken."""
    norm = curves.group.norm
    header = ["system", f"utts{_of_speakers(curves)}", *_median_titles(norm)]
    header += ["area % ↑ [95 %]", f"not broken up to {_strongest(curves)}"]
    header += ["search: gradients, decodings"]
    rows = [
        [system.label, str(system.whole.n), *_medians(system.whole), *_rest(system)]
        for system in curves.systems
    ]
    return Table(header, rows)


def _rest(system: SystemCurves) -> list[str]:
    curve = system.whole
    return [
        _with_limits(curve.area, curve.area_ci, lambda value: number(value, 1)),
        f"{curve.not_broken} of {curve.n}",
        f"{curve.gradients:.0f}, {curve.decodings:.0f}",
    ]


def accent_table(curves: GroupCurves) -> Table:
    """Make the table of the median smallest budget: accents by systems."""
    norm = curves.group.norm
    to_text = _show_levels if norm == "linf" else _show_budget
    header = [f"accent: {_median_titles(norm)[0]}"]
    header += [system.label for system in curves.systems]
    rows = []
    for accent in curves.accents:
        found = [system.accents.get(accent) for system in curves.systems]
        most = max((curve for curve in found if curve), key=lambda curve: curve.n)
        many = f"{counted(most.n, 'utt')} of {counted(most.speakers, 'speaker')}"
        cells = [to_text(curve) if curve else "-" for curve in found]
        rows.append([f"{accent} ({many})", *cells])
    return Table(header, rows)


def attacker_table(curves: GroupCurves) -> Table:
    """Make the table of attackers: optimality on each system, and their mean."""
    systems = [system for system in curves.systems if system.attackers]
    header = ["attacker", "optimality ↑ (mean)", *(one.label for one in systems)]
    header += [f"not broken up to {_strongest(curves)}"]
    rows = []
    for name in curves.attackers:
        found = [system.attackers.get(name) for system in systems]
        shown = [curve.optimality if curve else None for curve in found]
        known = [one for one in shown if one is not None]
        there = [curve for curve in found if curve]
        rows.append(
            [
                name,
                number(sum(known) / len(known) if known else None),
                *map(number, shown),
                f"{sum(one.not_broken for one in there)} of "
                f"{sum(one.n for one in there)}",
            ]
        )
    return Table(header, rows)


def half_broken_snr(curve: Curve) -> str:
    """Say how far below the speech the noise is that breaks half, with its interval."""
    if curve.norm == "snr":
        return _show_budget(curve)
    if curve.median.value is None:
        return "fewer are broken"
    return _show_snr(curve.median_snr_db)


def curve_warnings(curves: GroupCurves) -> list[str]:
    """Warn of what a reader of the curves has to know first."""
    said = []
    differing = [one for one in curves.systems if one.whole.unconfirmed]
    if differing:
        parts = [f"{one.label} {one.whole.unconfirmed}" for one in differing]
        said.append(
            "Warning: utterances for which the attack heard another outcome than the "
            f"decoding of the saved file: {', '.join(parts)}. What the saved file says "
            "counts; one that only the attack heard broken counts as one that resists. "
            "Both should be the same decoder on the same machine."
        )
    early = [
        one.label
        for one in curves.systems
        if one.whole.median.value in one.whole.median.bounds
    ]
    if early:
        said.append(
            f"Warning: {', '.join(early)}: half of the utterances or more are broken "
            "by the weakest budget tried. Less noise may be enough, and those that "
            "seem alike may differ; add weaker 'budgets' to the attack."
        )
    return said


def _legend(curves: GroupCurves) -> str:
    first = curves.systems[0].whole
    norm = curves.group.norm
    is_snr = norm == "snr"
    harder, beyond, below = (
        ("↓ fewer dB", "<", "≥") if is_snr else ("↑ higher", ">", "≤")
    )
    parts = [
        "Median smallest budget: half of the utterances are broken by it, "
        f"{harder} = harder to attack; “{beyond}”: fewer than half were broken up to "
        f"there; “{below}”: they were by the weakest budget tried."
    ]
    if not is_snr:
        parts.append(
            "Median SNR: of those smallest perturbations, ↓ lower = a louder one is "
            "needed; an utterance that was not broken counts as the loudest."
        )
    if first.area is not None:
        parts.append(
            "Area: share of utterances that resist, averaged over the logarithm of the "
            f"budget from {budget_name(norm, first.weakest)} to "
            f"{budget_name(norm, first.strongest)}, the span of the search on all of "
            "these systems: 100 = none is broken, 0 = all are by the weakest."
        )
    if any(_weakest_tried(one.whole) != one.whole.all_from for one in curves.systems):
        parts.append(
            "Where a curve is thin, not every utterance was attacked with such small "
            "budgets; those that were not count as untouched."
        )
    within = [one.whole.within for one in curves.systems if one.whole.within]
    if within:
        or_level = ", or one level of 16-bit audio," if norm == "linf" else ""
        parts.append(
            "A smallest budget is at most "
            f"{number(100.0 * (max(within) - 1.0), 0)} %{or_level} above one that did "
            "not break the utterance."
        )
    parts.append(
        "Search: what it took an utterance on average, beyond the attack at its own "
        "budgets; of a suite, the first attack with gradients searches."
    )
    parts.append(
        "In brackets 95 % intervals over speakers; fewer than "
        f"{LEAST_VALUES} give none of a median. Utterances whose target cannot be "
        "heard do not count."
    )
    return " ".join(parts)


def _of_speakers(curves: GroupCurves) -> str:
    counts = {system.whole.speakers for system in curves.systems}
    return f" of {counted(counts.pop(), 'speaker')}" if len(counts) == 1 else ""


def _median_titles(norm: str | None) -> list[str]:
    first, snr = "median smallest budget", "median SNR, dB ↓ [95 %]"
    if norm == "linf":
        return [f"{first}, 16-bit levels ↑ [95 %]", "of full scale", snr]
    if norm == "snr":
        return [f"{first}, dB ↓ [95 %]"]
    return [f"{first}, {norm} ↑ [95 %]", snr]


def _medians(curve: Curve) -> list[str]:
    if curve.norm == "linf":
        budget = _one_budget(curve, curve.median.value, _digits)
        return [_show_levels(curve), budget, _show_snr(curve.median_snr_db)]
    if curve.norm == "snr":
        return [_show_budget(curve)]
    return [_show_budget(curve), _show_snr(curve.median_snr_db)]


def _show_levels(curve: Curve) -> str:
    return _show_median(curve, lambda budget: f"{LEVELS * budget:.3g}")


def _show_budget(curve: Curve) -> str:
    return _show_median(curve, _digits)


def _digits(budget: float) -> str:
    return f"{budget:.3g}"


def _show_median(curve: Curve, to_text: Callable[[float], str]) -> str:
    """Show a median with its interval, such as ``39.3 [31.2, > 2097]``."""
    shown = _one_budget(curve, curve.median.value, to_text)
    if curve.median.ci is None:
        return shown
    low, high = (_one_budget(curve, one, to_text) for one in curve.median.ci)
    return f"{shown} [{low}, {high}]"


def _one_budget(
    curve: Curve, budget: float | None, to_text: Callable[[float], str]
) -> str:
    # Fewer dB are a larger budget.
    less, more = ("≥", "<") if curve.norm == "snr" else ("≤", ">")
    if budget is None:
        return f"{more} {to_text(curve.strongest)}"
    if budget in curve.median.bounds:
        return f"{less} {to_text(budget)}"
    return to_text(budget)


def _weakest_tried(curve: Curve) -> float:
    return curve.points[0].budget


def _show_snr(median: Median) -> str:
    """Show a median SNR; its louder end may be beyond all that were found."""

    def show(value: float | None) -> str:
        if value is None:
            return "not reached"
        return f"{'≥ ' if value in median.bounds else ''}{number(value, 1)}"

    if median.value is None:
        return "-"
    shown = show(median.value)
    if median.ci is None:
        return shown
    return f"{shown} [{', '.join(map(show, median.ci))}]"


def _with_limits(
    value: float | None,
    limits: Sequence[float] | None,
    to_text: Callable[[float | None], str],
) -> str:
    if limits is None:
        return to_text(value)
    return f"{to_text(value)} [{', '.join(map(to_text, limits))}]"


def _strongest(curves: GroupCurves) -> str:
    first = curves.systems[0].whole
    return budget_name(first.norm, first.strongest)
