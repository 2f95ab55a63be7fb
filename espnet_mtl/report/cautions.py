"""Warnings and limits that a reader has to know, and what the report lacks."""

from collections.abc import Iterable, Sequence

from espnet_mtl.metrics.accent import caution
from espnet_mtl.report.comparison import compare
from espnet_mtl.report.experiment import BAD_WER, Experiment
from espnet_mtl.report.groups import Group
from espnet_mtl.report.table import counted, number
from espnet_mtl.results.clean_scores import AccentConfusion
from espnet_mtl.results.infeasible import FIXES, list_reasons

MAX_WER_SPREAD = 2.0
MAX_WER = 10.0
_FEW_SPEAKERS = 20


def warnings(group: Group) -> list[str]:
    """Warn of what a reader of a group's figures has to know first."""
    return [*nothing_left(group), *_bad_recognisers(group), *_empty_accuracies(group)]


def accent_warnings(
    confusions: Iterable[tuple[str, AccentConfusion]],
) -> list[str]:
    """Warn of accuracies, by name, that show nothing about telling accents apart."""
    return [
        f"Warning: {name}: {said}."
        for name, one in confusions
        if (said := caution(one.accuracy, one.balanced_accuracy, one.majority_share))
    ]


def _empty_accuracies(group: Group) -> list[str]:
    """Warn of the same in the attacked utterances."""
    return [
        f"Warning: {system.label}, attacked utterances: {said}."
        for system in group.systems
        for clean in [system.clean]
        if (
            said := caution(
                clean.accent_acc, clean.accent_balanced_acc, clean.accent_majority
            )
        )
    ]


def nothing_left(group: Group) -> list[str]:
    """Warn of systems for which no attack can reach any target."""
    return [
        f"Warning: {system.label}: nothing is left to count, since no attack can reach "
        f"any of the {clean.num_infeasible} targets: {list_reasons(clean.infeasible)}. "
        f"To do: {'; '.join(FIXES[why] for why in clean.infeasible)}. Then repeat "
        "stages 15 to 18."
        for system in group.systems
        if system.result.is_empty
        for clean in [system.clean]
    ]


def _bad_recognisers(group: Group) -> list[str]:
    """Warn of systems that do not recognise well enough to be compared."""
    wers = {
        system.label: wer
        for system in group.systems
        if (wer := system.clean.benign_wer) is not None
    }
    if not wers:
        return []
    parts = []
    best, worst = min(wers, key=wers.__getitem__), max(wers, key=wers.__getitem__)
    if wers[worst] - wers[best] > MAX_WER_SPREAD:
        parts.append(
            f"the WERs of untouched audio differ by more than {MAX_WER_SPREAD:g} "
            f"points ({best} {number(wers[best])}, {worst} {number(wers[worst])})"
        )
    high = [name for name, wer in wers.items() if MAX_WER < wer <= BAD_WER]
    if high:
        parts.append(f"the WER of {', '.join(high)} is above {MAX_WER:g} %")
    said = []
    if parts:
        said.append(
            f"Warning: {'; '.join(parts)}. A worse recogniser resists targets better: "
            "part of its AdvTWER is its own errors, not robustness."
        )
    bad = [one.label for one in group.systems if one.result.hears_nothing]
    if bad:
        said.append(
            f"Warning: {', '.join(bad)}: more than half of the words are wrong without "
            "any attack. Figures of such a recogniser say nothing about robustness; "
            "train it first."
        )
    return said


def missing_parts(
    experiments: Sequence[Experiment], groups: Sequence[Group], baselines: Sequence[str]
) -> list[str]:
    """Say in sentences what the report leaves out, and which stage would make it."""
    said = []
    for experiment in experiments:
        lacks = []
        if not experiment.attacks:
            lacks.append("no attack has been scored (stages 15 to 17)")
        if not experiment.training:
            lacks.append(f"no finished epoch in {experiment.path.name}/train*.log")
        if lacks:
            said.append(f"{experiment.system}: {'; '.join(lacks)}.")
    for group in groups:
        said += _missing_in(group, baselines)
    unscored: list[str] = []
    without: list[str] = []
    for experiment in experiments:
        if experiment.attacks and not experiment.has_accents:
            rows = [attack.clean for attack in experiment.attacks]
            has_branch = any(row.accent_acc is not None for row in rows)
            (unscored if has_branch else without).append(experiment.system)
    if unscored:
        said.append(
            f"No accent scores of whole sets (stage 13): {', '.join(unscored)}."
        )
    if without:
        said.append(f"No recognised accents: {', '.join(without)}.")
    return said


def _missing_in(group: Group, baselines: Sequence[str]) -> list[str]:
    said = []
    for system in group.systems:
        name, clean = f"{system.label} ({group.title})", system.clean
        lacking = sorted({*group.attackers} - {*system.attackers})
        if lacking:
            said.append(
                f"{name}: not attacked by {', '.join(lacking)}, which other systems "
                "were."
            )
        if system.attacked and not system.noise:
            said.append(f"{name}: no noise control.")
        if system.result.of("curve") and not system.result.records:
            said.append(
                f"{name}: no robustness curve, since the attack's records (stage 15) "
                "are not there."
            )
        if clean.infeasible and not system.result.is_empty:
            every = counted(clean.num_infeasible + clean.n, "utterance")
            said.append(
                f"{name}: {clean.num_infeasible} of {every} left out, since no attack "
                f"can reach their targets: {list_reasons(clean.infeasible)}."
            )
    said += _unpaired(group, baselines)
    absent = [name for name in baselines if not group.find(name)]
    if absent and len(group.systems) > 1:
        said.append(
            f"{group.title}: no baseline {', '.join(absent)}, so no differences "
            "from it."
        )
    return said


def _unpaired(group: Group, baselines: Sequence[str]) -> list[str]:
    """Name systems that share no utterance that counts with a baseline."""
    if not group.budgets:
        return []
    said = []
    largest = group.budgets[-1]
    for baseline in baselines:
        for system in group.systems:
            other = group.find(baseline, like=system)
            if other is None or system.system == baseline:
                continue
            attacked = system.strongest(largest) and other.strongest(largest)
            if attacked and compare(system, other, largest) is None:
                said.append(
                    f"{system.label} and {other.label} ({group.title}): no utterance "
                    "has a target that can be reached on both, so there is no "
                    "difference."
                )
    return said


def caveats(group: Group) -> list[str]:
    """Say in sentences what the intervals of a group cannot tell."""
    speakers = len(group.speakers)
    seeds = "Each system was trained with one seed: the"
    if group.has_other_seeds:
        seeds = f"This is seed {group.seed} alone: its"
    said = [
        f"{seeds} intervals cover the choice of speakers and utterances, not the "
        "randomness of training. Another seed may reverse a difference."
    ]
    if speakers == 1:
        said.append(
            "The test set has 1 speaker: how others would fare is not known, and there "
            "are no intervals."
        )
    if 1 < speakers < _FEW_SPEAKERS:
        said.append(
            f"The test set has {counted(speakers, 'speaker')}: with so few units "
            "the bootstrap's intervals come out too narrow."
        )
    choices = {system.has_choice for system in group.systems if system.attacked}
    if len(choices) > 1:
        said.append(
            "Some systems face several different attackers, others only one. The "
            "lowest of several AdvTWERs is a little too low by chance, which works "
            "against the former."
        )
    return said
