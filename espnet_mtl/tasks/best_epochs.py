"""Which epochs were best, and the average of their weights."""

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from espnet2.main_funcs import average_nbest_models as theirs
from espnet2.train.reporter import Reporter, SubReporter

from espnet_mtl.errors import UserError

_LAST = "valid"  # what is observed last in an epoch


class NumberReporter(Reporter):  # type: ignore[misc]
    """ESPnet's reporter, for which a criterion without a number is none.

    A model without a branch reports ``nan`` for it. ESPnet sorts that as if it were a
    number: the first epochs would be the best, and their average be decoded.

    Attributes:
        criteria: Those of ``best_model_criterion``.
    """

    criteria: Sequence[Sequence[str]] = ()

    def finish_epoch(self, sub_reporter: SubReporter) -> None:
        """Take over what was observed in an epoch.

        Raises:
            UserError: If no criterion has had a number yet: the trainer would keep the
                last epoch alone, and average none.
        """
        super().finish_epoch(sub_reporter)
        names = [one[:2] for one in self.criteria]
        if sub_reporter.key == _LAST and not any(self.has(*one) for one in names):
            lacking = ", ".join(f"{key2} ({key})" for key, key2 in names)
            raise UserError(
                f"best_model_criterion: {lacking}: not a number with this model in the "
                "first epoch, so nothing would tell which epochs are best: name "
                "another one (_adv is measured with --robust alone), or, if the loss "
                "is none either, train with a smaller learning rate"
            )

    def has(self, key: str, key2: str, epoch: int | None = None) -> bool:
        """Tell whether there is a number: in an epoch, or if not given, in any."""
        if epoch is not None:
            known: bool = super().has(key, key2, epoch)
            return known and _is_number(self.stats[epoch][key][key2])
        return any(self.has(key, key2, one) for one in self.stats)

    def sort_epochs_and_values(
        self, key: str, key2: str, mode: str
    ) -> list[tuple[int, float]]:
        """Sort the epochs that have a number, the best first."""
        if mode not in ("min", "max"):
            raise ValueError(f"mode must be min or max: {mode}")
        sign = 1.0 if mode == "min" else -1.0
        found = [
            (epoch, self.stats[epoch][key][key2])
            for epoch in self.stats
            if self.has(key, key2, epoch)
        ]
        return sorted(found, key=lambda one: sign * one[1])

    def check_early_stopping(
        self, patience: int, key1: str, key2: str, *others: Any, **more: Any
    ) -> bool:
        """Tell whether training has made no progress for too long.

        Raises:
            UserError: If the criterion has no number with this model.
        """
        if not self.has(key1, key2):
            raise UserError(
                f"early_stopping_criterion: this model has no {key2} ({key1}), so "
                "nothing would tell when to stop: name another one, or leave patience "
                "out"
            )
        stop: bool = super().check_early_stopping(patience, key1, key2, *others, **more)
        return stop


def reporter_for(criteria: Sequence[Sequence[str]]) -> type[NumberReporter]:
    """Make the reporter of a training, which makes its own without arguments."""
    return type("CriteriaReporter", (NumberReporter,), {"criteria": criteria})


def average_nbest_models(
    output_dir: Path,
    reporter: Reporter,
    best_model_criterion: Sequence[Sequence[str]],
    nbest: Collection[int] | int,
    *others: Any,
    **more: Any,
) -> None:
    """Average the best epochs by each criterion, as ESPnet's function does.

    ESPnet 202511 adds the other epochs up in the weights of the best one, and takes
    what has become of these for that epoch in the averages that follow: by a second
    criterion, or over another number of epochs. So each average is a call of its own.
    """
    wanted = [nbest] if isinstance(nbest, int) else nbest
    for criterion in best_model_criterion:
        if reporter.has(*criterion[:2]):
            most = len(reporter.sort_epochs_and_values(*criterion))
            # In this order, so that the last one, which *.ave.pth leads to, is that
            # over most epochs
            for count in sorted({n for n in wanted if 0 < n <= most}) or [1]:
                theirs.average_nbest_models(
                    output_dir, reporter, [criterion], count, *others, **more
                )


def _is_number(value: Any) -> bool:
    if isinstance(value, (float, np.floating)):
        return not np.isnan(value)
    return value is not None
