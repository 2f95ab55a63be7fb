#!/usr/bin/env python3
"""Compare a packed model with the files that it should have been packed of."""

import argparse
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from espnet_mtl.errors import UserError, run_main, setup_logging
from espnet_mtl.package.packing import (
    CONFIG_KEY,
    LM_CONFIG_KEY,
    LM_WEIGHTS_KEY,
    NGRAM_KEY,
    WEIGHTS_KEY,
)
from espnet_mtl.package.unpacking import named_files, open_package, read_meta

# Models by the argument of Speech2Text: what each is, and what asks asr_mtl.sh for it.
_MODELS = {
    WEIGHTS_KEY: ("recogniser", ""),
    LM_WEIGHTS_KEY: ("language model", "--use_lm true"),
    NGRAM_KEY: ("n-gram model", "--use_ngram true"),
}
# Configurations are rewritten when they are packed: what they say of tokens is not.
_CONFIGS = {CONFIG_KEY: "recogniser", LM_CONFIG_KEY: "language model"}
_CHUNK_BYTES = 2**20


def read_contents(zip_file: Path) -> dict[str, str]:
    """Read what a package names.

    Args:
        zip_file: The package.

    Returns:
        Name in the zip, by the name of the argument of ``Speech2Text``.

    Raises:
        UserError: If it is no ASR package.
    """
    with open_package(zip_file) as archive:
        return named_files(read_meta(archive, zip_file))


def check_contents(zip_file: Path, wanted: Mapping[str, Path]) -> None:
    """Check that a package has the models of these files, and no others.

    Args:
        zip_file: The package.
        wanted: Files by the name of the argument of ``Speech2Text``.

    Raises:
        UserError: If it was packed of others, or is no ASR package.
    """
    with open_package(zip_file) as archive:
        packed = named_files(read_meta(archive, zip_file))
        for key, (model, option) in _MODELS.items():
            if key in packed and key not in wanted:
                raise UserError(
                    f"{zip_file} has a {model}, which the options do not decode with: "
                    f"give {option} as in stage 14, or repeat stage 14"
                )
            if key in wanted and key not in packed:
                raise UserError(
                    f"{zip_file} has no {model}, which the options decode with: repeat "
                    "stage 14"
                )
            if key in wanted and not _is_same(
                archive.getinfo(packed[key]), wanted[key]
            ):
                raise _other(zip_file, model, wanted[key])
        for key, model in _CONFIGS.items():
            if key in wanted and key in packed:
                inside = _tokens(archive.read(packed[key]))
                if inside != _tokens(wanted[key].read_bytes()):
                    raise _other(zip_file, model, wanted[key])


def _is_same(member: zipfile.ZipInfo, path: Path) -> bool:
    """Compare by the checksum that the zip has anyway."""
    if member.file_size != path.stat().st_size:
        return False
    checksum = 0
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            checksum = zlib.crc32(chunk, checksum)
    return checksum == member.CRC


def _tokens(config: bytes) -> Any:
    return (yaml.safe_load(config) or {}).get("token_list")


def _other(zip_file: Path, model: str, path: Path) -> UserError:
    return UserError(
        f"{zip_file} has another {model} than {path}, which was made or chosen since: "
        "repeat stage 14"
    )


def main(cmd: list[str] | None = None) -> None:
    """Compare; differences end the command.

    Args:
        cmd: Command-line arguments; ``sys.argv`` when not given.

    Raises:
        UserError: If the package was packed of other files.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("zip_file", type=Path)
    for name in (*_CONFIGS, *_MODELS):
        parser.add_argument(f"--{name}", type=Path)
    args = parser.parse_args(cmd)
    setup_logging()
    files = {name: getattr(args, name) for name in (*_CONFIGS, *_MODELS)}
    check_contents(args.zip_file, {k: v for k, v in files.items() if v is not None})


if __name__ == "__main__":
    run_main(main)
