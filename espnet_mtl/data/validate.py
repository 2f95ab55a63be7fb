"""Check a data directory."""

import argparse
import logging
from pathlib import Path

from espnet_mtl.data.datadir import invert, load_data_dir
from espnet_mtl.data.errors import DataDirError
from espnet_mtl.data.tables import read_table
from espnet_mtl.errors import run_main, setup_logging


def main(cmd: list[str] | None = None) -> None:
    """Run the command.

    Args:
        cmd: Command-line arguments; ``sys.argv`` when not given.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--no_text", "--no-text", action="store_true")
    parser.add_argument("--no_wav", "--no-wav", action="store_true")
    parser.add_argument("--no_accent", "--no-accent", action="store_true")
    parser.add_argument("directory", type=Path)
    args = parser.parse_args(cmd)
    setup_logging()
    files = ["utt2spk"]
    files += [] if args.no_wav else ["wav.scp"]
    files += [] if args.no_text else ["text"]
    files += [] if args.no_accent else ["utt2accent"]
    tables = load_data_dir(args.directory, files)
    spk2utt = args.directory / "spk2utt"
    if spk2utt.exists() and read_table(spk2utt) != invert(tables["utt2spk"]):
        raise DataDirError(
            f"{spk2utt}: differs from what utt2spk says; utils/fix_data_dir.sh writes "
            "it anew"
        )
    speakers = set(tables["utt2spk"].values())
    logging.info(
        "%s: %d utterances of %d speakers; %s agree",
        args.directory,
        len(tables["utt2spk"]),
        len(speakers),
        ", ".join(files),
    )


if __name__ == "__main__":
    run_main(main)
