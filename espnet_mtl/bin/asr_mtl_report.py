#!/usr/bin/env python3
"""Compare systems under attack: tables, plots, page."""

import argparse
import logging
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from espnet_mtl.errors import UserError, run_main, setup_logging
from espnet_mtl.grouped_help import add_help, group, make_parser
from espnet_mtl.report.claims import claims_blocks
from espnet_mtl.report.document import Block, Text
from espnet_mtl.report.experiment import read_experiments
from espnet_mtl.report.readme import check_readmes, update_readmes
from espnet_mtl.report.report import DEFAULT_TITLE, Report, write_report

# Only this corpus has every system that the claims are about.
_CLAIMS_CORPUS = "mini_accent"


def get_parser() -> argparse.ArgumentParser:
    """Return the parser."""
    parser = make_parser(
        "Compare systems under attack: writes RESULTS.md, index.html, results.json and "
        "plots"
    )
    add = group(parser)
    several: dict[str, Any] = {"type": Path, "nargs": "+", "action": "extend"}
    scored = "Experiments (asr_exp) with the scores of stage 17"
    add("--exp", **several, required=True, help=scored)
    add("--output", type=Path, required=True, help="Directory to write to")
    add("--print", action="store_true", help="Print the main table and the files")

    add = group(parser, "what is compared")
    compared = "Systems to compare all with, separated by commas"
    add("--baselines", default="ctc,att", help=compared)
    add(
        "--compare",
        nargs="+",
        action="extend",
        default=[],
        metavar="SYSTEM:OTHER",
        help="Systems to compare, each with another one: mine:plain",
    )

    add = group(parser, "what is shown")
    add("--title", default=DEFAULT_TITLE, help="Title of the report")
    add("--command", default="", help="The command that made the results, to be shown")

    add = group(parser, "results in a README")
    add(
        "--update_readme",
        **several,
        default=[],
        metavar="README",
        help="Put the results between the markers of these files, where they have "
        "them: the main table between <!-- results:CORPUS --> and "
        "<!-- /results:CORPUS -->, a short one between those of "
        "results:CORPUS:short, the answers in words between those of "
        "results:CORPUS:verdict, a plot of the curves between those of "
        f"results:CORPUS:plot, and for {_CLAIMS_CORPUS} the claims between those of "
        "results:claims",
    )
    add("--corpus", help="Name of the corpus in those markers")
    add(
        "--image_dir",
        type=Path,
        default=Path("images"),
        help="Where the plot goes that these files show; a relative path begins beside "
        "the first of them",
    )
    add_help(parser)
    return parser


def main(cmd: list[str] | None = None) -> None:
    """Write the report.

    Raises:
        UserError: If there are no results, or the README has no markers.
    """
    args = get_parser().parse_args(cmd)
    setup_logging()
    if args.update_readme and not args.corpus:
        raise UserError("--update_readme needs --corpus, the name in the markers.")
    shown: list[str] = []
    if args.update_readme:  # before the attacked audio is read and plots are drawn
        names = part_names(args.corpus)
        shown = check_readmes(args.update_readme, names, names[0])
    experiments = read_experiments(args.exp)
    report = Report(
        experiments=experiments,
        pairs=read_pairs(args.compare, [one.system for one in experiments]),
        baselines=[name for name in args.baselines.split(",") if name],
        title=args.title,
        command=args.command.strip(),
    )
    files = write_report(report, args.output)
    if args.update_readme and not report.groups:
        raise UserError(
            "--update_readme: no attack has been scored, so there are no tables, and "
            "those of the READMEs stay as they are; run stages 15 to 17 first."
        )
    if args.update_readme:
        image_dir = args.update_readme[0].resolve().parent / args.image_dir
        makers = readme_parts(report, args.corpus, image_dir)
        parts = {name: makers[name]() for name in shown}
        update_readmes(args.update_readme, parts, names[0])
        files += args.update_readme
    for path in files:
        logging.info("Wrote %s", path)
    if args.print:
        if hasattr(sys.stdout, "reconfigure"):
            # A terminal that has no arrows shows "?" rather than failing.
            sys.stdout.reconfigure(errors="replace")
        print(report.main_text())
        print("\n" + "\n".join(str(path) for path in files))


def read_pairs(pairs: Sequence[str], systems: Sequence[str]) -> list[tuple[str, str]]:
    """Read names of systems to compare, such as ``mine:plain``.

    Raises:
        UserError: If one is missing.
    """
    read = []
    for pair in pairs:
        first, _, second = pair.partition(":")
        if first == second or not {first, second} <= {*systems}:
            raise UserError(
                f"--compare {pair}: give two of the systems that --exp names, such as "
                f"SYSTEM:OTHER; they are {', '.join(systems)}"
            )
        read.append((first, second))
    return read


def part_names(corpus: str) -> list[str]:
    """Name the parts of a README, as in the markers; the first one is needed."""
    name = f"results:{corpus}"
    names = [name, f"{name}:short", f"{name}:verdict", f"{name}:plot"]
    return [*names, "results:claims"] if corpus == _CLAIMS_CORPUS else names


def readme_parts(
    report: Report, corpus: str, image_dir: Path
) -> dict[str, Callable[[], Sequence[Block]]]:
    """Say what makes each part of a README, by its name in the markers."""
    parts: tuple[Callable[[], Sequence[Block]], ...] = (
        report.readme_blocks,
        report.short_blocks,
        report.all_verdicts,
        lambda: report.plot_blocks(image_dir, f"curves_{corpus}"),
        lambda: (
            claims_blocks(report.groups, report.curves, report.audits)
            or [Text("These systems test none of the claims.")]
        ),
    )
    return dict(zip(part_names(corpus), parts, strict=False))


if __name__ == "__main__":
    run_main(main)
