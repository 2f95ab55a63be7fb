"""Score decodings of untouched and of attacked audio; show the results."""

import argparse
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from espnet_mtl.errors import UserError, run_main, setup_logging
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
    add_command = parser.add_subparsers(required=True, metavar="COMMAND").add_parser
    folder: dict[str, Any] = {"type": Path, "required": True}
    # What several commands have in common
    decoded = argparse.ArgumentParser(add_help=False)
    decoded.add_argument("--hyp_dir", **folder, help="Directory of the decoding")
    attacked = argparse.ArgumentParser(add_help=False, parents=[decoded])
    about = "Output directory of the attack"
    attacked.add_argument("--attack_dir", **folder, help=about)
    names = argparse.ArgumentParser(add_help=False)
    names.add_argument("--system", default="system", help="Name of the system")
    names.add_argument("--decoder", default="decode", help="Tag of the decoding")
    names.add_argument("--set_name", default="test", help="Name of the decoded set")

    prepared = argparse.ArgumentParser(add_help=False)
    add = prepared.add_argument
    add("--cleaner", default="none", help="ESPnet's cleaner, of references")
    add("--hyp_cleaner", default="none", help="ESPnet's cleaner, of hypotheses")
    add("--nlsyms_txt", default="none", help="Symbols that are no words, one a line")

    about = "WER, CER, TER and accent accuracy of untouched audio"
    decoding = add_command("decoding", parents=[decoded, names, prepared], help=about)
    add = decoding.add_argument
    add("--ref_dir", **folder, help="Data directory with the truth")
    add("--token_type", choices=("bpe", "char", "word"), required=True)
    add("--bpemodel", type=Path, help="sentencepiece model, for bpe")
    add("-s", "--case_sensitive", action="store_true", help="Tell A from a, as sclite")
    decoding.set_defaults(run=_decoding)

    about = "Keep in a decoding's directory which attack it is of"
    stamp = add_command("stamp", parents=[attacked], help=about)
    stamp.set_defaults(run=_stamp)

    about = "Scores of attacked audio"
    attack = add_command("attack", parents=[attacked, names, prepared], help=about)
    attack.add_argument("--attack_tag", default="attack", help="Name of the attack")
    add = attack.add_mutually_exclusive_group().add_argument
    add("--seed", type=int, default=0, help="Seed of the training")
    add("--asr_train_config", type=Path, help="Configuration to read the seed from")
    attack.set_defaults(run=_attack)

    show = add_command("show", help="Print RESULTS.md of an experiment")
    show.add_argument("asr_exp", type=Path, help="Directory of the experiment")
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
    from espnet_mtl.metrics.score_attack import stamp_decoding

    stamp_decoding(args.attack_dir, args.hyp_dir)


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
