"""ESPnet's statistics of the training data, which say how far they are."""

import argparse
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import espnet_mtl.fast_start  # noqa: F401  (before ESPnet)

import yaml
from espnet2.main_funcs.collect_stats import collect_stats

from espnet_mtl.data.progress import LoopProgress
from espnet_mtl.data.tables import read_lines
from espnet_mtl.errors import UserError

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


def check_frontend(args: argparse.Namespace) -> None:
    """Refuse to normalise features by the statistics of another front-end's.

    What collected them is in ``collect_stats.yaml``, which stage 10 keeps there;
    without it, they are taken as they are.

    Raises:
        UserError: If the settings of the front-ends differ.
    """
    conf = getattr(args, "normalize_conf", None) or {}
    if args.collect_stats or "stats_file" not in conf:
        return
    folder = Path(conf["stats_file"]).parent.parent  # <folder>/train/feats_stats.npz
    config = folder / "collect_stats.yaml"
    if not config.is_file():
        return
    before, now = yaml.safe_load(config.read_text(encoding="utf-8")) or {}, vars(args)
    changed = [
        f"{name}: {before[name]} -> {now[name]}"
        for name in ("frontend", "frontend_conf")
        if name in before and name in now and before[name] != now[name]
    ]
    if changed:
        raise UserError(
            f"{folder} has the statistics of another front-end ({'; '.join(changed)}): "
            "run stage 10 again, or give these settings an --asr_stats_dir of their own"
        )


def _count(batches: Batches, progress: LoopProgress) -> Iterator[tuple[list[str], Any]]:
    for keys, batch in batches:
        yield keys, batch
        progress.add(number=len(keys))
