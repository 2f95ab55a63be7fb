"""ESPnet's statistics of the training data, which say how far they are."""

import argparse
from collections.abc import Iterable, Iterator
from typing import Any

import espnet_mtl.fast_start  # noqa: F401  (before ESPnet)

from espnet2.main_funcs.collect_stats import collect_stats

from espnet_mtl.data.progress import LoopProgress
from espnet_mtl.data.tables import read_lines

Batches = Iterable[tuple[list[str], dict[str, Any]]]


def collect_stats_counted(
    args: argparse.Namespace, train_iter: Batches, valid_iter: Batches, **more: Any
) -> None:
    """Collect statistics, and log how many utterances of both sets are done.

    Args:
        args: The options of the training, whose tables have the utterances.
        train_iter: Batches: keys and data.
        valid_iter: The same.
        **more: ESPnet's other arguments.
    """
    tables = [*args.train_shape_file[:1], *args.valid_shape_file[:1]]
    total = sum(len(read_lines(table)) for table in tables)
    progress = LoopProgress(total, "statistics")
    collect_stats(
        train_iter=_count(train_iter, progress),
        valid_iter=_count(valid_iter, progress),
        **more,
    )
    progress.report()


def _count(batches: Batches, progress: LoopProgress) -> Iterator[tuple[list[str], Any]]:
    for keys, batch in batches:
        yield keys, batch
        progress.add(number=len(keys))
