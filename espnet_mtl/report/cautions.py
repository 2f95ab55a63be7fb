"""Warnings and limits that a reader has to know, and what the report lacks."""

from collections.abc import Sequence

from espnet_mtl.report.comparison import Group
from espnet_mtl.report.experiment import Experiment
from espnet_mtl.report.table import counted, number

MAX_WER_SPREAD = 2.0
MAX_WER = 10.0
_FEW_SPEAKERS = 20


def warnings(group: Group) -> list[str]:
    """Warn of systems that do not recognise well enough to be compared.

    Args:
        group: Systems to compare.

    Returns:
        Sentences; none if all is well.
    """
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
    high = [name for name, wer in wers.items() if wer > MAX_WER]
    if high:
        parts.append(f"the WER of {', '.join(high)} is above {MAX_WER:g} %")
    if not parts:
        return []
    return [
        f"Warning: {'; '.join(parts)}. A worse recogniser resists targets better: "
        "part of its AdvTWER is its own errors, not robustness."
    ]


def missing_parts(
    experiments: Sequence[Experiment], groups: Sequence[Group], baselines: Sequence[str]
) -> list[str]:
    """Say what the report leaves out, and which stage would make it.

    Args:
        experiments: All experiments.
        groups: What could be compared.
        baselines: Systems that were to be compared with.

    Returns:
        Sentences; none if nothing is missing.
    """
    said = []
    for experiment in experiments:
        lacks = []
        if not experiment.attacks:
            lacks.append("no attack has been scored (stages 15 to 17)")
        if not experiment.curves:
            lacks.append(f"no finished epoch in {experiment.path.name}/train*.log")
        if lacks:
            said.append(f"{experiment.system}: {'; '.join(lacks)}.")
    for group in groups:
        said += _missing_in(group, baselines)
    without = [
        experiment.system
        for experiment in experiments
        if experiment.attacks and not experiment.has_accents
    ]
    if without:
        said.append(f"No accent branch, or none scored: {', '.join(without)}.")
    return said


def _missing_in(group: Group, baselines: Sequence[str]) -> list[str]:
    said = []
    for system in group.systems:
        lacking = sorted({*group.attackers} - {*system.attackers})
        if lacking:
            said.append(
                f"{system.label} ({group.title}): not attacked by "
                f"{', '.join(lacking)}, which other systems were."
            )
        if system.attacked and not system.noise:
            said.append(f"{system.label} ({group.title}): no noise control.")
    said += [
        f"{system.label} ({group.title}): {row.infeasible} of "
        f"{counted(row.infeasible + row.n, 'utterance')} are too short for their "
        "target and left out."
        for system in group.systems
        if (row := system.clean).infeasible
    ]
    absent = [name for name in baselines if not group.find(name)]
    if absent and len(group.systems) > 1:
        said.append(
            f"{group.title}: no baseline {', '.join(absent)}, so no differences "
            "from it."
        )
    return said


def caveats(group: Group) -> list[str]:
    """What the intervals of a group cannot tell.

    Args:
        group: Systems to compare.

    Returns:
        Sentences.
    """
    speakers = len(group.speakers)
    said = [
        "Each system was trained with one seed: the intervals cover the choice of "
        "speakers and utterances, not the luck of a training. Another seed may turn "
        "a difference around.",
    ]
    if 0 < speakers < _FEW_SPEAKERS:
        said.append(
            f"The test set has {counted(speakers, 'speaker')}: with so few units "
            "the bootstrap's intervals come out too narrow."
        )
    choices = {system.has_choice for system in group.systems if system.attacked}
    if len(choices) > 1:
        said.append(
            "Some systems face several attackers, others one (all are the same there): "
            "the lowest of several AdvTWERs is by chance a little too low, which "
            "counts against the claims."
        )
    return said
