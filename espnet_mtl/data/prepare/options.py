"""The options of every corpus."""

import argparse
from dataclasses import dataclass, fields
from pathlib import Path

from espnet_mtl.data.prepare.accents import AccentPolicy
from espnet_mtl.data.prepare.sentences import normalise_text
from espnet_mtl.errors import UserError
from espnet_mtl.grouped_help import Add, add_help, group, make_parser


@dataclass(frozen=True, kw_only=True)
class Options(AccentPolicy):
    """The options that every corpus has; :func:`get_parser` says what they mean."""

    output: Path
    nj: int
    seed: int
    check_audio: bool
    max_bad_audio: float
    text_case: str
    punctuation: str
    hyphens: str
    lang: str
    accent_map: Path | None
    max_clips_per_accent: int
    max_clips_per_speaker: int
    valid_share: float
    test_share: float
    shared_text: str

    def normalise(self, text: str) -> str:
        """Bring a sentence to the form that the options ask for."""
        return normalise_text(
            text, self.text_case, self.punctuation, self.lang, self.hyphens
        )


def get_parser(
    description: str | None, *, one_text: bool = False, **defaults: object
) -> argparse.ArgumentParser:
    """Build a command line with these defaults.

    A corpus adds what is its own, which ``--help`` shows first.

    Args:
        one_text: Whether all clips have one text: no option is about texts, then.
    """
    parser = make_parser(
        description, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    add = group(parser, "the work")
    add("--output", "--datadir", type=Path, default=Path("data"), help="where sets go")
    add("--nj", type=int, default=4, help="threads that open clips")
    add("--seed", type=int, default=0, help="seed of the choice of speakers and clips")

    add = group(parser, "audio and text")
    add(
        "--check_audio",
        type=_read_bool,
        default=True,
        help="open every clip; false saves time, but only stage 3 finds bad clips, and "
        "hours are unknown",
    )
    add(
        "--max_bad_audio",
        type=_read_share,
        default=0.0,
        help="share of clips that may be missing, empty, cut short or no audio",
    )
    if one_text:
        parser.set_defaults(text_case="keep", punctuation="keep", hyphens=None, lang="")
    else:
        _add_text_options(add)

    add = group(parser, "accents")
    add("--accent_map", type=Path, help="file of label TAB class, to edit")
    add(
        "--several_accents",
        choices=["unknown", "drop", "join"],
        default="unknown",
        help="a clip with several accents: unknown accent, left out, or a joint class",
    )
    add(
        "--free_text",
        choices=["unknown", "ignore", "class", "drop"],
        default="unknown",
        help="a label that is not in the map: unknown accent, only other labels count, "
        "a class of its own, or left out",
    )
    add(
        "--no_accent",
        choices=["unknown", "drop"],
        default="unknown",
        help="a clip without a label: unknown accent (trains the recogniser only), or "
        "left out",
    )
    add("--min_clips", type=_read_count, default=1, help="fewest clips of an accent")
    add(
        "--min_speakers",
        type=_read_count,
        help="fewest speakers of one; if nothing is said, 3, or 2 where that would "
        "leave fewer than two accents",
    )
    add(
        "--small_accents",
        choices=["unknown", "other", "drop"],
        default="unknown",
        help="accents below that: unknown, pooled as 'other', or left out",
    )
    add("--max_clips_per_accent", type=_read_count, default=0, help="0: all")
    add("--max_clips_per_speaker", type=_read_count, default=0, help="0: all")

    add = group(parser, "sets, where the corpus has none: by speaker")
    add("--valid_share", type=_read_share, default=0.1, help="share of clips")
    add("--test_share", type=_read_share, default=0.1, help="share of clips")

    if one_text:
        parser.set_defaults(shared_text="keep")
    else:
        _add_shared_text(group(parser, "sets, wherever they come from"))
    add_help(parser)
    parser.set_defaults(**defaults)
    return parser


def _add_text_options(add: Add) -> None:
    add(
        "--text_case",
        choices=["keep", "upper", "lower"],
        default="keep",
        help="of text",
    )
    add(
        "--punctuation",
        choices=["keep", "remove"],
        default="keep",
        help="in the text; marks that belong to words stay, such as apostrophes",
    )
    add(
        "--hyphens",
        choices=["split", "keep", "join"],
        help="inside words, where punctuation is removed: make two words of one, keep "
        "them, or join the parts; if nothing is said, split in English, else keep",
    )
    add("--lang", default="", help="code of the language, for capitals and hyphens")


def _add_shared_text(add: Add) -> None:
    add(
        "--shared_text",
        choices=["keep", "drop_train", "drop_test"],
        default="keep",
        help="clips whose sentence is in training and in another set: keep them, drop "
        "them from training, or drop them from the other set",
    )


def read_options(args: argparse.Namespace) -> Options:
    """Look at the options of a command line together.

    Raises:
        UserError: If they do not fit each other.
    """
    if args.nj < 1:
        raise UserError(f"--nj {args.nj}: at least one thread is needed")
    if args.valid_share + args.test_share >= 1:
        raise UserError(
            f"--valid_share {args.valid_share:g} and --test_share {args.test_share:g}: "
            "nothing is left for training; together they must be below 1"
        )
    if args.punctuation == "keep" and args.hyphens not in (None, "keep"):
        raise UserError(
            f"--hyphens {args.hyphens}: punctuation is kept, hyphens included; add "
            "--punctuation remove"
        )
    if args.hyphens is None:
        # English writes one compound with and without a hyphen, and nobody hears it.
        # In other languages it is a part of words, such as Irish t-uisce.
        is_english = args.lang.lower().split("-")[0] == "en"
        args.hyphens = "split" if is_english else "keep"
    if args.accent_map is not None and not args.accent_map.is_file():
        raise UserError(f"--accent_map {args.accent_map}: no such file")
    return Options(**{f.name: getattr(args, f.name) for f in fields(Options)})


def _read_bool(text: str) -> bool:
    if text not in ("true", "false"):
        raise argparse.ArgumentTypeError(f"true or false, not '{text}'")
    return text == "true"


def _read_share(text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = -1.0
    if not 0 <= share < 1:
        raise argparse.ArgumentTypeError(f"a share from 0 to below 1, not '{text}'")
    return share


def _read_count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"a number, 0 or more, not '{text}'")
    return int(text)
