#!/usr/bin/env python3
"""Stage 3: bring audio to one rate and format, and the tables along."""

import argparse
from pathlib import Path

from espnet_mtl.data.audio import read_rate
from espnet_mtl.data.channels import ERROR, POLICIES
from espnet_mtl.data.stages.audio_stores import FORMATS
from espnet_mtl.data.stages.format_wav_scp import plan_format, write_formatted
from espnet_mtl.errors import run_main, setup_logging
from espnet_mtl.grouped_help import add_help, group, make_parser


def get_parser() -> argparse.ArgumentParser:
    """Return the parser."""
    parser = make_parser(__doc__)
    add = group(parser)
    add("source", type=Path, help="The data directory")
    add("target", type=Path, help="The formatted one")
    add("--fs", default="16k", help="16k or 16000")

    add = group(parser, "audio")
    about = "Format of the files"
    add("--audio_format", choices=FORMATS, default="flac", help=about)
    add(
        "--channels",
        choices=POLICIES,
        default=ERROR,
        help="What becomes of several channels: an error, their mean, the first one",
    )
    add(
        "--max_bad_audio",
        type=_read_share,
        default=0.0,
        help="Share of utterances that may be left out because of unusable audio",
    )
    add(
        "--derived_dir",
        type=Path,
        action="append",
        default=[],
        help="A directory made of the target: its wav.scp goes when audio changes",
    )

    add = group(parser, "several jobs")
    add("--num_jobs", type=int, default=1, help="Jobs in all")
    add("--job", type=int, help="Do this job's share only, from 1")
    add("--merge", action="store_true", help="Write the tables; all jobs are done")
    add("--check", action="store_true", help="Only look at options and tables")
    add_help(parser)
    return parser


def main(cmd: list[str] | None = None) -> None:
    """Do one job, or all of them and the tables, or the tables alone."""
    args = get_parser().parse_args(cmd)
    setup_logging()
    work = plan_format(
        args.source,
        args.target,
        read_rate(args.fs),
        args.audio_format,
        args.num_jobs,
        args.derived_dir,
        args.channels,
    )
    if args.check:  # planning has checked all that the user can fix
        return
    if args.job is not None:
        work.run(args.job)
        return
    if not args.merge:
        for job in range(1, args.num_jobs + 1):
            work.run(job)
    write_formatted(
        args.source, args.target, args.audio_format, work, args.max_bad_audio
    )


def _read_share(text: str) -> float:
    share = float(text)
    if not 0 <= share <= 1:
        raise ValueError
    return share


if __name__ == "__main__":
    run_main(main)
