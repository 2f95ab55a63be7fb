#!/usr/bin/env python3
"""Stages 6 to 15: keep, and compare, what trainings and statistics were made of."""

import argparse
from pathlib import Path

from espnet_mtl.data.stages import trained_on
from espnet_mtl.errors import run_main, setup_logging
from espnet_mtl.provenance import write_stamp


def main(cmd: list[str] | None = None) -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "action",
        choices=("experiment", "statistics", "training", "use"),
        help="experiment: check it. statistics: note what they were made of. "
        "training: check both, and note what the experiment is trained on. use: check "
        "the experiment's tokens and accents",
    )
    parser.add_argument("--token_list", type=Path, required=True)
    parser.add_argument("--stats_dir", type=Path, required=True)
    parser.add_argument("--exp", type=Path, required=True)
    group = parser.add_argument_group("of a recogniser")
    group.add_argument("--accent_list", type=Path)
    group.add_argument("--train_dir", type=Path)
    group.add_argument("--valid_dir", type=Path)
    group = parser.add_argument_group("of a language model")
    group.add_argument("--lm_text", type=Path)
    args = parser.parse_args(cmd)
    setup_logging()
    training = trained_on.Training(args.exp, args.stats_dir, stage=10, tag="asr_tag")
    data = trained_on.describe_tables({"tokens": args.token_list})
    if args.accent_list is not None:
        data |= trained_on.describe_accents(args.accent_list)
    if args.lm_text is not None:
        training = trained_on.Training(args.exp, args.stats_dir, stage=6, tag="lm_tag")
        data |= trained_on.describe_tables({"text": args.lm_text})
    elif args.action != "use":
        sets = {"training": args.train_dir, "validation": args.valid_dir}
        data |= trained_on.describe_data(sets)

    if args.action == "statistics":
        write_stamp(args.stats_dir, data)
        return
    if args.action == "training":
        trained_on.check_statistics(training, data)
    trained_on.check_experiment(training, data)
    if args.action == "training" and not training.has_learned:
        write_stamp(args.exp, data)


if __name__ == "__main__":
    run_main(main)
