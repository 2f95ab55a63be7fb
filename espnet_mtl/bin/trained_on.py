#!/usr/bin/env python3
"""Stages 6 to 15: keep, and compare, what trainings and statistics were made of."""

import argparse
from pathlib import Path

from espnet_mtl.data.stages import trained_on
from espnet_mtl.data.stages.shared_speakers import (
    add_allow_option,
    check_speakers_apart,
)
from espnet_mtl.errors import run_main, setup_logging
from espnet_mtl.grouped_help import add_help, group, make_parser
from espnet_mtl.provenance import write_stamp


def get_parser() -> argparse.ArgumentParser:
    """Return the parser."""
    parser = make_parser(__doc__)
    add = group(parser)
    add(
        "action",
        choices=("experiment", "statistics", "training", "use"),
        help="experiment: check it. statistics: note what they were made of. "
        "training: check both, and note what the experiment is trained on. use: check "
        "the experiment's tokens and accents, warn of other training data, and, of a "
        "recogniser, refuse to test with speakers of training",
    )
    add("--exp", type=Path, required=True, help="The experiment")
    add("--stats_dir", type=Path, required=True, help="Its statistics")

    add = group(parser, "of all models")
    add("--token_list", type=Path, required=True, help="Tokens")
    add = group(parser, "of a recogniser")
    add("--accent_list", type=Path, help="Accents")
    add("--train_dir", type=Path, help="Training set")
    add("--valid_dir", type=Path, help="Validation set")
    add(
        "--test_dirs",
        type=Path,
        nargs="*",
        action="extend",
        default=[],
        help="Sets that are tested",
    )
    add_allow_option(add)
    add = group(parser, "of a language model")
    add("--lm_text", type=Path, help="Text that it is trained on")
    add_help(parser)
    return parser


def main(cmd: list[str] | None = None) -> None:
    """Run the command."""
    args = get_parser().parse_args(cmd)
    setup_logging()
    training = trained_on.Training(args.exp, args.stats_dir, stage=10, tag="asr_tag")
    data = trained_on.describe_tables({"tokens": args.token_list})
    if args.accent_list is not None:
        data |= trained_on.describe_accents(args.accent_list)
    if args.lm_text is not None:
        training = trained_on.Training(args.exp, args.stats_dir, stage=6, tag="lm_tag")
        text = trained_on.describe_tables({"text": args.lm_text})
        if args.action == "use":
            trained_on.warn_of_other_data(training, text)
        else:
            data |= text
    elif args.action != "use":
        data |= trained_on.describe_data(_sets(args))

    if args.action == "statistics":
        write_stamp(args.stats_dir, data)
        return
    if args.action == "training":
        trained_on.check_statistics(training, data)
    trained_on.check_experiment(training, data)
    if args.action == "use" and args.train_dir is not None:
        trained_on.warn_of_other_data(training, trained_on.describe_data(_sets(args)))
        check_speakers_apart(
            args.train_dir, args.test_dirs, allow=args.allow_shared_speakers == "true"
        )
    if args.action == "training" and not training.has_learned:
        write_stamp(args.exp, data)


def _sets(args: argparse.Namespace) -> dict[str, Path]:
    return {"training": args.train_dir, "validation": args.valid_dir}


if __name__ == "__main__":
    run_main(main)
