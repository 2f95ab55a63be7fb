#!/usr/bin/env python3
"""Attack a packed recogniser with targeted noise."""

import argparse
import logging
from pathlib import Path

from espnet_mtl.attack.config import AttackConfig
from espnet_mtl.attack.runner.config_file import read_config
from espnet_mtl.attack.runner.made_of import Inputs, read_inputs
from espnet_mtl.attack.runner.merge import merge
from espnet_mtl.attack.runner.test_set import TestSet, read_test_set
from espnet_mtl.attack.victim import Listener, Victim
from espnet_mtl.errors import UserError, run_main, setup_logging
from espnet_mtl.gpus import require_gpus
from espnet_mtl.grouped_help import MATTERS, add_help, group, make_parser
from espnet_mtl.inference.decoding import Decoding
from espnet_mtl.package.zoo import fetch_model
from espnet_mtl.provenance import hash_file

# Draws of a defence's noise that each gradient is averaged over, at least.
FEWEST_DRAWS = 16


def get_parser() -> argparse.ArgumentParser:
    """Return the command's parser."""
    parser = make_parser(
        "Attack a packed recogniser with targeted noise. Reads a zip, ours or of any "
        "ESPnet2 ASR model, and a data directory; writes a data directory of attacked "
        "audio. A run that was stopped continues.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    matters = parser.add_argument_group(MATTERS)
    model = matters.add_mutually_exclusive_group(required=True).add_argument
    model("--model_zip", type=Path, help="The packed model")
    model(
        "--model_tag",
        help="Instead of it, its name on Hugging Face (<user>/<name>) or in ESPnet's "
        "model zoo. Needs espnet_model_zoo",
    )
    add = matters.add_argument
    add("--data_dir", type=Path, required=True, help="What to attack")
    add("--output_dir", type=Path, required=True, help="Where the result goes")

    add = group(parser, "the attack")
    add("--config", type=Path, help="The attack, such as conf/attack_standard.yaml")
    add(
        "--attack_args",
        default="",
        help="Settings that replace those of --config, such as 'steps=5 "
        "budgets=[0.001]'",
    )
    add(
        "--text_target",
        type=Path,
        help="Table of target sentences. Default: text_target of the data directory; "
        "if there is none, sentences of other utterances",
    )
    add("--num_utts", type=int, help="Utterances to attack; default: all")
    add(
        "--source_zips",
        nargs="*",
        action="extend",
        default=[],
        help="Other packed models, for transfer attacks without sources of their own",
    )

    add(
        "--valid_dir",
        type=Path,
        help="What 'fit_data: valid' of a configuration means: the data directory of a "
        "validation set",
    )

    add = group(parser, "the model and its decoder")
    add(
        "--inference_config",
        type=Path,
        help="Configuration of the decoder that is to be deceived. Suites use it, and "
        "attacks that ask the decoder while they search",
    )
    add("--inference_args", default="", help="Decoding options that override it")
    add(
        "--trust_model_zip",
        action="store_true",
        help="The packed model is your own: build any class of ESPnet that it names, "
        "and read its n-gram model",
    )
    add("--ngpu", type=int, default=0, help="1 to use a GPU")

    add = group(parser, "several jobs")
    add("--nj", type=int, default=1, help="Jobs that share the work, with --job")
    add(
        "--job",
        type=int,
        help="Do the share of this job, from 1, and do not merge. Default: do "
        "everything, and merge",
    )
    add(
        "--merge",
        action="store_true",
        help="Make the data directory from what the jobs have finished",
    )
    add(
        "--check",
        action="store_true",
        help="Only check options, files, and whether the model can write the texts",
    )
    add_help(parser)
    return parser


def main(cmd: list[str] | None = None) -> None:
    """Run the command, with the arguments ``cmd`` instead of those of the process.

    Raises:
        UserError: If an option or the input is faulty.
    """
    args = get_parser().parse_args(cmd)
    setup_logging()
    if args.num_utts is not None and args.num_utts < 1:
        raise UserError(f"--num_utts {args.num_utts}: give a number above 0")
    if args.merge and args.job is not None:
        raise UserError("--merge comes after all jobs: leave --job out")
    if args.model_tag:
        args.model_zip = fetch_model(args.model_tag)
    if not args.model_zip.is_file():
        raise UserError(f"{args.model_zip}: no such file; stage 14 packs the model")
    config = read_config(args.config, args.attack_args)
    config = config.with_sources(args.source_zips).with_validation_set(args.valid_dir)
    test_set = read_test_set(
        args.data_dir, args.text_target, args.num_utts, config.seed, config.target_text
    )
    decoding = Decoding(args.inference_config, args.inference_args)
    package, defence = hash_file(args.model_zip), decoding.defence()
    inputs = read_inputs(config, package, decoding.stamp(), defence)
    if args.check or not args.merge:
        attack(args, config, test_set, inputs, decoding)
    if args.job is None and not args.check:
        merge(config, test_set, args.output_dir, inputs)


def attack(
    args: argparse.Namespace,
    config: AttackConfig,
    test_set: TestSet,
    inputs: Inputs,
    decoding: Decoding,
) -> None:
    """Run one job, or all of the work as one; with ``--check`` only look at it.

    Raises:
        UserError: If a model is refused, the audio is faulty, or no target can be
            reached.
    """
    require_gpus(f"--ngpu {args.ngpu}", min(args.ngpu, 1), "leave --ngpu out")
    # Imported late: merging needs no ESPnet, whose import takes seconds.
    from espnet_mtl.attack.runner.job import Job
    from espnet_mtl.victim.espnet_victim import load_victim

    def make_listener() -> Listener:
        from espnet_mtl.inference.listener import PackedListener

        return PackedListener(args.model_zip, decoding, device, args.trust_model_zip)

    device = "cuda" if args.ngpu > 0 else "cpu"
    victim: Victim = load_victim(args.model_zip, device, args.trust_model_zip)
    if inputs.defence:
        victim = defend(victim, decoding, config)
    job = Job(
        victim,
        config,
        test_set,
        args.output_dir,
        inputs,
        make_listener,
        {path: load_victim(path, device) for path in config.sources},
    )
    if args.check or args.job is None:
        job.warn()  # not in each job, where it would stand once more in every log
    if args.check:
        return
    if args.job is None:
        job.run()
    else:
        job.run(args.job, args.nj)


def defend(victim: Victim, decoding: Decoding, config: AttackConfig) -> Victim:
    """Put the defence of a decoding in front of a victim.

    Raises:
        UserError: If its settings make no sense.
    """
    from espnet_mtl.inference.search import read_search
    from espnet_mtl.victim.smoothed_victim import SmoothedVictim

    smoothing = read_search(decoding).smoothing
    if smoothing is None:
        return victim
    if config.eot.draws < FEWEST_DRAWS:
        logging.warning(
            "The decoder is smoothed with noise, and the attack averages over %d draws "
            "of it at each step: with fewer than %d, the defence looks stronger than "
            "it is. Give the attack 'eot: {draws: %d}', as conf/attacks/smoothed.yaml "
            "has it",
            config.eot.draws,
            FEWEST_DRAWS,
            FEWEST_DRAWS,
        )
    return SmoothedVictim(victim, smoothing.std)


if __name__ == "__main__":
    run_main(main)
