"""How well accent branches know their own task, which stands beside all about them.

Whatever a branch that has not learnt its task does to robustness, it says nothing about
second tasks.
"""

from collections.abc import Iterable

from espnet_mtl.report.audit.evidence import ACCENT_SUFFIXES
from espnet_mtl.report.groups import SystemResult
from espnet_mtl.report.table import bracketed, counted, number
from espnet_mtl.results.clean_scores import AccentConfusion

_SHOWN = 4
_, _SHUFFLED = ACCENT_SUFFIXES  # the latter are not meant to learn anything


def describe_branches(systems: Iterable[SystemResult]) -> str:
    """Say how well the accent branches among systems know their own task.

    Returns:
        Sentences, with the balanced accuracies in whole sets and their intervals;
        empty where no system has a branch whose accents were scored.
    """
    branches = {
        (one.label, one.clean.seed): (one.system, one.whole.accents)
        for one in systems
        if one.whole and one.whole.accents and one.whole.accents.labelled
    }
    if not branches:
        return ""
    has_seeds = len({seed for _, seed in branches}) > 1
    names = {
        key: f"{key[0]} (seed {key[1]})" if has_seeds else key[0] for key in branches
    }
    tasks = sorted({_task(one) for _, one in branches.values()})
    said = ", ".join(
        f"{names[key]} {number(one.balanced_accuracy, 1)} %"
        f"{bracketed(one.balanced_ci, 1)}"
        for key, (_, one) in branches.items()
    )
    unlearnt = [
        names[key]
        for key, (system, one) in branches.items()
        if not one.is_learnt and not system.endswith(_SHUFFLED)
    ]
    text = (
        f"The branch's own task is to tell {' or '.join(tasks)}. It is right in: "
        f"{said} (balanced accuracy)."
    )
    if unlearnt:
        text += (
            f" That of {', '.join(unlearnt)} is not shown to do better than guessing: "
            "a second task that is not learnt tests nothing."
        )
    return text


def _task(confusion: AccentConfusion) -> str:
    """Name the task of a branch, such as ``2 classes (high, low) of 57 speakers``."""
    occurring = [a for a in confusion.accents if confusion.recall(a) is not None]
    some = f"{', '.join(occurring[:_SHOWN])}{', ...' if occurring[_SHOWN:] else ''}"
    speakers = counted(confusion.num_speakers, "speaker")
    return (
        f"{len(occurring)} classes apart ({some}; {speakers}; guessing gets "
        f"{number(confusion.chance, 1)} %)"
    )
