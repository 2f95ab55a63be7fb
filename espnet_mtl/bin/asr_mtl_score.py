"""Score decodings of untouched and of attacked audio; show the results."""

import argparse
import logging
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from espnet_mtl.errors import UserError, run_main, setup_logging
from espnet_mtl.grouped_help import add_help, group, make_parser
from espnet_mtl.tokens.cleaner import load_cleaner
from espnet_mtl.tokens.symbols import read_symbols

if TYPE_CHECKING:
    from espnet_mtl.metrics.scored_text import ScoredText

# What only some of the commands need, such as NumPy, is imported by these.


def get_parser() -> argparse.ArgumentParser:
    """Return the parser; each subcommand sets ``run``."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    add_command = partial(
        parser.add_subparsers(required=True, metavar="COMMAND").add_parser,
        add_help=False,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    folder: dict[str, Any] = {"type": Path, "required": True}
    # What several commands have in common; options of one title are one group.
    truth, attacked, decoded = (make_parser(None) for _ in range(3))
    group(truth)("--ref_dir", **folder, help="Data directory with the truth")
    group(attacked)("--attack_dir", **folder, help="Output directory of the attack")
    group(decoded)("--hyp_dir", **folder, help="Directory of the decoding")
    names, prepared = make_parser(None), make_parser(None)
    add = group(names, "names in the results")
    add("--system", default="system", help="Name of the system")
    add("--decoder", default="decode", help="Tag of the decoding")
    add("--set_name", default="test", help="Name of the decoded set")
    add = group(prepared, "text")
    add("--cleaner", default="none", help="ESPnet's cleaner, of references")
    add("--hyp_cleaner", default="none", help="ESPnet's cleaner, of hypotheses")
    add("--nlsyms_txt", default="none", help="Symbols that are no words, one a line")

    about = "WER, CER, TER and accent accuracy of untouched audio"
    parents = [truth, decoded, prepared, names]
    decoding = add_command("decoding", parents=parents, help=about)
    add = group(decoding, "tokens and words")
    types = ("bpe", "char", "word")
    add("--token_type", choices=types, required=True, help="Tokens of the TER")
    add("--bpemodel", type=Path, help="sentencepiece model, for bpe")
    add("-s", "--case_sensitive", action="store_true", help="Tell A from a, as sclite")
    add = group(decoding, "the decoding")
    add("--asr_model_file", type=Path, help="The weights that should have decoded")
    add_help(decoding)
    decoding.set_defaults(run=_decoding)

    about = "Keep in a decoding's directory which audio it is of"
    stamp = add_command("stamp", parents=[decoded], help=about)
    of = stamp.add_argument_group("of what").add_mutually_exclusive_group(required=True)
    of.add_argument("--attack_dir", type=Path, help="Output directory of an attack")
    of.add_argument("--ref_dir", type=Path, help="Data directory of untouched audio")
    add = group(stamp, "by what")
    add("--asr_model_file", type=Path, help="The weights, for --ref_dir")
    add_help(stamp)
    stamp.set_defaults(run=_stamp)

    about = "Scores of attacked audio"
    parents = [attacked, decoded, prepared, names]
    attack = add_command("attack", parents=parents, help=about)
    more = attack.add_argument_group("attack and training")
    more.add_argument("--attack_tag", default="attack", help="Name of the attack")
    add = more.add_mutually_exclusive_group().add_argument
    add("--seed", type=int, default=0, help="Seed of the training")
    add("--asr_train_config", type=Path, help="Configuration to read the seed from")
    add_help(attack)
    attack.set_defaults(run=_attack)

    show = add_command("show", help="Print RESULTS.md of an experiment")
    group(show)("asr_exp", type=Path, help="Directory of the experiment")
    add_help(show)
    show.set_defaults(run=_show)
    return parser


def _decoding(args: argparse.Namespace) -> None:
    from espnet_mtl.metrics.score_decoding import score_decoding

    score_decoding(
        args.ref_dir,
        args.hyp_dir,
        args.token_type,
        args.bpemodel,
        system=args.system,
        decoder=args.decoder,
        set_name=args.set_name,
        weights=args.asr_model_file,
        scored=_scored(args),
        case_sensitive=args.case_sensitive,
    )


def _scored(args: argparse.Namespace) -> "ScoredText":
    from espnet_mtl.metrics.scored_text import ScoredText

    return ScoredText(
        clean_ref=load_cleaner(args.cleaner),
        clean_hyp=load_cleaner(args.hyp_cleaner, "--hyp_cleaner"),
        symbols=tuple(read_symbols(args.nlsyms_txt)),
    )


def _stamp(args: argparse.Namespace) -> None:
    if args.ref_dir is None:
        from espnet_mtl.metrics.score_attack import stamp_decoding

        stamp_decoding(args.attack_dir, args.hyp_dir)
    else:
        from espnet_mtl.metrics import score_decoding

        score_decoding.stamp_decoding(args.ref_dir, args.hyp_dir, args.asr_model_file)


def _attack(args: argparse.Namespace) -> None:
    from espnet_mtl.metrics.score_attack import score_attack
    from espnet_mtl.report.experiment_page import format_attack
    from espnet_mtl.results.attack_scores import write_attack_scores

    scores, utt_scores = score_attack(
        args.attack_dir,
        args.hyp_dir,
        system=args.system,
        seed=_read_seed(args.asr_train_config) if args.asr_train_config else args.seed,
        decoder=args.decoder,
        set_name=args.set_name,
        attack_tag=args.attack_tag,
        scored=_scored(args),
    )
    table = format_attack(scores)
    written = write_attack_scores(args.hyp_dir, scores, utt_scores, table)
    logging.info("Write attack scores in %s", written)


def _read_seed(path: Path) -> int:
    import yaml

    try:
        return int(yaml.safe_load(path.read_text(encoding="utf-8"))["seed"])
    except (yaml.YAMLError, KeyError, TypeError, ValueError) as error:
        raise UserError(
            f"--asr_train_config {path}: no 'seed: <number>' in it ({error}); give the "
            "config.yaml that the training wrote"
        ) from error


def _show(args: argparse.Namespace) -> None:
    from espnet_mtl.report.experiment_page import format_results

    print(format_results(args.asr_exp), end="")


def main(cmd: list[str] | None = None) -> None:
    """Run the command.

    Raises:
        UserError: If a file is missing, damaged or does not fit.
    """
    args = get_parser().parse_args(cmd)
    setup_logging()
    args.run(args)


if __name__ == "__main__":
    run_main(main)
