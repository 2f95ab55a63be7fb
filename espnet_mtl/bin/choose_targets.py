"""Choose what each utterance of a test set is to be heard as under attack."""

import argparse
import logging
from pathlib import Path

from espnet_mtl.attack.runner.recordings import Recordings
from espnet_mtl.attack.targets import choose_targets
from espnet_mtl.data.tables import read_table, write_table
from espnet_mtl.errors import run_main, setup_logging
from espnet_mtl.grouped_help import add_help, group, make_parser
from espnet_mtl.tokens.cleaner import load_cleaner


def get_parser() -> argparse.ArgumentParser:
    """Return the command's parser."""
    parser = make_parser("Choose the targets of a test set")
    add = group(parser)
    add("--text", type=Path, required=True, help="Transcripts")
    add("--wav_scp", type=Path, required=True, help="Audio, whose length limits them")
    add("--output", type=Path, required=True, help="File to write")

    add = group(parser, "how they are chosen")
    add(
        "--token_type",
        choices=("bpe", "char", "word"),
        default="char",
        help="Tokens of the models; with words, every target fits",
    )
    about = "ESPnet's cleaner: targets are written as the models learn to write"
    add("--cleaner", default="none", help=about)
    add("--seed", type=int, default=0, help="Seed of the choice")
    add_help(parser)
    return parser


def main(cmd: list[str] | None = None) -> None:
    """Run the command, with the arguments ``cmd`` instead of those of the process."""
    args = get_parser().parse_args(cmd)
    setup_logging()
    num_samples = None
    if args.token_type != "word":
        num_samples = Recordings(read_table(args.wav_scp)).lengths()
    clean = load_cleaner(args.cleaner)
    texts = {utt: clean(text) for utt, text in read_table(args.text).items()}
    targets = choose_targets(texts, num_samples, args.seed)
    write_table(args.output, targets)
    logging.info("%s: targets for %d utterances", args.output, len(targets))


if __name__ == "__main__":
    run_main(main)
