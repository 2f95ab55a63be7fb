#!/usr/bin/env python3
"""Attack a packed recogniser with targeted noise."""

import argparse
import hashlib
from pathlib import Path

from espnet_mtl.attack.config import read_config
from espnet_mtl.attack.runner.merge import merge
from espnet_mtl.attack.runner.plan import read_test_set
from espnet_mtl.errors import UserError, run_main, setup_logging


def get_parser() -> argparse.ArgumentParser:
    """Return the command's parser."""
    parser = argparse.ArgumentParser(
        description="Attack a packed recogniser with targeted noise. Reads a zip, ours "
        "or of any ESPnet2 ASR model, and a data directory; writes a data directory "
        "of attacked audio. A run that was stopped continues.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = parser.add_argument
    add("--model_zip", type=Path, required=True, help="The packed model")
    add("--data_dir", type=Path, required=True, help="What to attack")
    add("--output_dir", type=Path, required=True, help="Where the result goes")
    add("--config", type=Path, help="The attack, such as conf/attack_pgd.yaml")
    add(
        "--attack_args",
        default="",
        help="Overrides of it, such as 'steps=5 budgets=[0.001]'",
    )
    add(
        "--text_target",
        type=Path,
        help="What each utterance is to be heard as. Default: that of the data "
        "directory; where it has none, sentences of other utterances",
    )
    add("--num_utts", type=int, help="Utterances to attack; default: all")
    add("--ngpu", type=int, default=0, help="1 to use a GPU")
    add("--nj", type=int, default=1, help="Jobs that share the work, with --job")
    add(
        "--job",
        type=int,
        help="Do the share of this job, from 1, and do not merge. Default: do all of "
        "it and merge",
    )
    add(
        "--merge",
        action="store_true",
        help="Make the data directory of what the jobs have finished",
    )
    return parser


def main(cmd: list[str] | None = None) -> None:
    """Run the command.

    Args:
        cmd: Arguments instead of those of the process.

    Raises:
        UserError: If an option or the input is faulty.
    """
    args = get_parser().parse_args(cmd)
    setup_logging()
    if args.num_utts is not None and args.num_utts < 1:
        raise UserError(f"--num_utts {args.num_utts}: give a number above 0")
    if args.merge and args.job is not None:
        raise UserError("--merge comes after all jobs: leave --job out")
    config = read_config(args.config, args.attack_args)
    test_set = read_test_set(
        args.data_dir, args.text_target, args.num_utts, config.seed
    )
    if not args.model_zip.is_file():
        raise UserError(f"{args.model_zip}: no such file; stage 14 packs the model")

    if not args.merge:
        # Imported late: merging needs no ESPnet, whose import takes seconds.
        from espnet_mtl.attack.runner.run import Job
        from espnet_mtl.export.victim import load_victim

        victim = load_victim(args.model_zip, "cuda" if args.ngpu > 0 else "cpu")
        job = Job(victim, config, test_set, args.output_dir)
        if args.job is None:
            job.run()
        else:
            job.run(args.job, args.nj)
    if args.job is None:
        sha256 = hashlib.sha256(args.model_zip.read_bytes()).hexdigest()
        merge(sha256, config, test_set, args.output_dir)


if __name__ == "__main__":
    run_main(main)
