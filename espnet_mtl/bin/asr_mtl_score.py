"""Score decodings: words, accents and attacks; show the results."""

import argparse
from collections.abc import Callable
from pathlib import Path

from espnet_mtl.errors import UserError, run_main, setup_logging
from espnet_mtl.metrics.accent_scores import score_accent_dir
from espnet_mtl.metrics.attack_scores import score_attack
from espnet_mtl.metrics.results_page import format_results
from espnet_mtl.metrics.text_scores import score_text


def get_parser() -> argparse.ArgumentParser:
    """Return the parser; each subcommand sets ``run``."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    text = commands.add_parser("text", help="WER, CER and TER of a decoding")
    _add_directories(text, "--ref_dir", "Data directory with the truth")
    text.add_argument("--token_type", choices=("bpe", "char", "word"), required=True)
    text.add_argument("--bpemodel", type=Path, help="sentencepiece model, for bpe")
    text.add_argument(
        "--hyp_cleaner", default="none", help="ESPnet's cleaner for hypotheses"
    )
    text.add_argument(
        "--case_sensitive",
        action="store_true",
        help="Tell A from a, as sclite -s does",
    )
    text.set_defaults(run=_text)

    accent = commands.add_parser("accent", help="Accent accuracy of a decoding")
    _add_directories(accent, "--ref_dir", "Data directory with the truth")
    accent.set_defaults(run=_accent)

    attack = commands.add_parser("attack", help="Scores of decoded attacked audio")
    _add_directories(attack, "--attack_dir", "Output directory of the attack")
    attack.add_argument("--system", default="system", help="Name of the system")
    attack.add_argument("--seed", type=int, default=0, help="Its training's seed")
    attack.add_argument("--decoder", default="decode", help="Tag of the decoding")
    attack.set_defaults(run=_attack)

    show = commands.add_parser("show", help="Print RESULTS.md of an experiment")
    show.add_argument("asr_exp", type=Path, help="Directory of the experiment")
    show.set_defaults(run=_show)
    return parser


def _add_directories(parser: argparse.ArgumentParser, name: str, meaning: str) -> None:
    parser.add_argument(name, type=Path, required=True, help=meaning)
    parser.add_argument(
        "--hyp_dir", type=Path, required=True, help="Directory of the decoding"
    )


def _text(args: argparse.Namespace) -> None:
    score_text(
        args.ref_dir,
        args.hyp_dir,
        args.token_type,
        args.bpemodel,
        clean_hyp=_cleaner(args.hyp_cleaner),
        case_sensitive=args.case_sensitive,
    )


def _cleaner(name: str) -> Callable[[str], str]:
    if name in ("none", ""):
        return str
    # Only here: ESPnet's import takes seconds, and few recipes ask for a cleaner.
    from espnet2.text.cleaner import TextCleaner

    clean = TextCleaner(name)
    try:
        clean("a")
    except RuntimeError as error:
        raise UserError(f"--hyp_cleaner {name}: {error}") from error
    return clean


def _accent(args: argparse.Namespace) -> None:
    score_accent_dir(args.ref_dir, args.hyp_dir)


def _attack(args: argparse.Namespace) -> None:
    score_attack(args.attack_dir, args.hyp_dir, args.system, args.seed, args.decoder)


def _show(args: argparse.Namespace) -> None:
    print(format_results(args.asr_exp), end="")


def main(cmd: list[str] | None = None) -> None:
    """Run the command.

    Args:
        cmd: Command-line arguments; ``sys.argv`` when not given.

    Raises:
        UserError: If a file is missing, damaged or does not fit.
    """
    args = get_parser().parse_args(cmd)
    setup_logging()
    args.run(args)


if __name__ == "__main__":
    run_main(main)
