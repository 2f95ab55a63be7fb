#!/usr/bin/env python3
"""Your own corpus: one CSV or TSV with the columns path, text, speaker, accent.

Accents may be empty, or several with ``|`` between. A column ``split`` (train, valid or
test) is optional; without it, speakers are shared out to the sets. Paths are absolute,
or relative to --audio_root, which is the table's own folder where it is not given.
"""

from pathlib import Path

from espnet_mtl.data.prepare.options import get_parser, read_options
from espnet_mtl.data.prepare.own_corpus import classes_of, read_corpus
from espnet_mtl.data.prepare.prepare import prepare
from espnet_mtl.data.prepare.quoting import add_quotes_option
from espnet_mtl.errors import UserError, run_main, setup_logging


def main(cmd: list[str] | None = None) -> None:
    """Run the command."""
    parser = get_parser(__doc__)
    parser.add_argument("--table", default="", help="the CSV or TSV")
    parser.add_argument("--audio_root", type=Path, help="folder of relative paths")
    add_quotes_option(parser)
    args = parser.parse_args(cmd)
    setup_logging()
    options = read_options(args)
    if not args.table:
        raise UserError(
            "where is the table of your corpus? Give --table FILE to ./run.sh, or set "
            "TABLE in the recipe's db.sh or in the environment: a CSV or TSV with the "
            "columns path, text, speaker, accent and, if you like, split"
        )
    path = Path(args.table).expanduser()
    clips = read_corpus(path, options, args.audio_root, quotes=args.quotes)
    prepare(clips, path, classes_of(clips, options.accent_map), options)


if __name__ == "__main__":
    run_main(main)
