#!/usr/bin/env python3
"""Stages 5 and 10: can the model write its transcripts, and do they fit into CTC?"""

import argparse
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path

import espnet_mtl.fast_start  # noqa: F401  (before ESPnet)

from espnet2.text.build_tokenizer import build_tokenizer

from espnet_mtl.data.datadir import load_data_dir
from espnet_mtl.errors import UserError, run_main, setup_logging
from espnet_mtl.grouped_help import add_help, group, make_parser
from espnet_mtl.tasks.asr_mtl import ASRMTLTask
from espnet_mtl.tokens.ctc_fit import TextSet, check_ctc_fit
from espnet_mtl.tokens.round_trip import check_writable


def get_parser() -> argparse.ArgumentParser:
    """Return the parser."""
    parser = make_parser(__doc__)
    add = group(parser)
    add("--train_dir", type=Path, required=True, help="The training set")
    add("--valid_dir", type=Path, required=True, help="The validation set")
    add(
        "--test_dirs",
        type=Path,
        nargs="*",
        action="extend",
        default=[],
        help="The test sets",
    )

    add = group(parser, "what is asked of them")
    add(
        "--max_ctc_too_short",
        type=float,
        default=0.1,
        help="Share of the training set that may be too short for CTC",
    )
    about = "How BPE units were found"
    add("--bpemode", choices=["unigram", "bpe"], default="unigram", help=about)
    add(
        "training",
        nargs=argparse.REMAINDER,
        help="After '--': options of asr_mtl_train, as the training will get them",
    )
    add_help(parser)
    return parser


class _Tokens:
    """Cleaner, tokenizer and token list, as ESPnet's training has them."""

    def __init__(self, args: argparse.Namespace):
        prepare = ASRMTLTask.build_preprocess_fn(args, train=False).preprocessor
        if prepare is None:
            raise UserError(
                "--use_preprocessor false: nothing would cut text to tokens"
            )
        self.clean: Callable[[str], str] = prepare.text_cleaner
        self.cut: Callable[[str], list[str]] = prepare.tokenizer.text2tokens
        self._ids = prepare.token_id_converter
        # As ESPnet's decoding builds it
        self._join = build_tokenizer(
            args.token_type, bpemodel=args.bpemodel
        ).tokens2text
        self.unknown: Counter[str] = Counter()

    def write(self, text: str) -> str:
        """Say what the tokens of a text spell; ``unknown`` counts those not listed."""
        tokens = self.cut(text)
        written = self._ids.ids2tokens(self._ids.tokens2ids(tokens))
        pairs = zip(tokens, written, strict=True)
        self.unknown.update(token for token, found in pairs if token != found)
        return self._join(written)

    def explain(self) -> str:
        """Say what makes a text that cannot be written writable."""
        if not self.unknown:
            return (
                "The tokenizer changes characters: run stage 5 again, which makes one "
                "that writes what it reads, or write the text otherwise (stage 1)."
            )
        names = ", ".join(f"'{t}' ({n})" for t, n in self.unknown.most_common(8))
        more = ", ..." if len(self.unknown) > 8 else ""
        return (
            f"Not in the token list: {names}{more}. Make the list (stage 5) with the "
            "same --cleaner as the training and of text that has them all "
            "(--bpe_train_text), or write the text otherwise (stage 1)."
        )


def _read_set(directory: Path, role: str, clean: Callable[[str], str]) -> TextSet:
    tables = load_data_dir(directory, ("text", "utt2num_samples"))
    cleaned = {text: clean(text) for text in set(tables["text"].values())}
    return TextSet(
        name=str(directory),
        is_trained_on=role != "test",
        texts={utt: cleaned[text] for utt, text in tables["text"].items()},
        num_samples={utt: int(n) for utt, n in tables["utt2num_samples"].items()},
    )


def main(cmd: list[str] | None = None) -> None:
    """Run the command.

    Raises:
        UserError: If the model cannot write most of the training set, or if more of it
            than allowed is too short for CTC.
    """
    args = get_parser().parse_args(cmd)
    setup_logging()
    options = args.training[1:] if args.training[:1] == ["--"] else args.training
    training = ASRMTLTask.get_parser().parse_args(options)
    tokens = _Tokens(training)
    directories = {args.train_dir: "train", args.valid_dir: "valid"}
    directories |= dict.fromkeys(args.test_dirs, "test")
    sets = [_read_set(path, role, tokens.clean) for path, role in directories.items()]
    texts: Mapping[str, Mapping[str, str]] = {one.name: one.texts for one in sets}
    check_writable(texts, tokens.write, tokens.explain)
    check_ctc_fit(
        sets, tokens.cut, vars(training), args.max_ctc_too_short, args.bpemode
    )


if __name__ == "__main__":
    run_main(main)
