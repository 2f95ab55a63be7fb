"""Tables of untouched audio: whole sets, and how well each accent is recognised."""

from collections.abc import Sequence
from typing import Any

from espnet_mtl.report.experiment import Experiment, name_experiments
from espnet_mtl.report.table import Table, bracketed, number
from espnet_mtl.results.clean_scores import AccentConfusion

LEGEND_ACCENTS = (
    "Accent accuracy: share (%) of accents recognised. Balanced: balanced accuracy, "
    "the mean of that share over the accents; in brackets the 95 % interval over "
    "speakers. Majority: share of the most frequent accent, the accuracy of whoever "
    "always says that one. Recall: share of one accent's utterances that were "
    "recognised."
)


def clean_table(experiments: Sequence[Experiment]) -> Table | None:
    """Make the table of whole sets of untouched audio; ``None`` if none is scored."""
    rows = [
        [
            name,
            scores.decoder,
            scores.set,
            str(scores.errors["wer"].utterances),
            number(scores.errors["wer"].rate, 1),
            *(show_accuracies(accents) if accents else ["-"] * 3),
        ]
        for experiment, name in zip(
            experiments, name_experiments(experiments), strict=True
        )
        for scores in experiment.clean
        for accents in [scores.accents]
    ]
    header = ["system", "decoding", "set", "utterances", "WER % ↓", "accent acc. % ↑"]
    header += ["balanced acc. % ↑", "majority %"]
    return Table(header, rows, text_columns=3) if rows else None


def show_accuracies(accents: AccentConfusion) -> list[str]:
    """Show accuracy and balanced accuracy, with intervals, and the majority's share."""
    return [
        f"{number(accents.accuracy, 1)}{bracketed(accents.accuracy_ci, 1)}",
        f"{number(accents.balanced_accuracy, 1)}{bracketed(accents.balanced_ci, 1)}",
        number(accents.majority_share, 1),
    ]


def class_tables(confusions: Sequence[tuple[str, AccentConfusion]]) -> list[Table]:
    """Make the table of the recall of each accent, one for each set of them."""
    alike: dict[Any, list[tuple[str, AccentConfusion]]] = {}
    for name, one in confusions:
        alike.setdefault(tuple(_truths(one)), []).append((name, one))
    return [
        Table(
            ["accent", "speakers", "utterances", *(f"{n}: recall % ↑" for n, _ in of)],
            [
                [accent, speakers, utterances]
                + [number(one.recall(accent), 1) for _, one in of]
                for accent, speakers, utterances in truths
            ],
        )
        for truths, of in alike.items()
    ]


def _truths(confusion: AccentConfusion) -> list[tuple[str, str, str]]:
    """List the accents that occur, how many have them, and in how many utterances."""
    speakers = confusion.speakers or [None] * len(confusion.accents)
    return [
        (accent, "-" if who is None else str(who), str(sum(row)))
        for accent, who, row in zip(
            confusion.accents, speakers, confusion.counts, strict=True
        )
        if any(row)
    ]
