"""Compare a packed model with the files that it should have been packed from."""

import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from espnet_mtl.errors import UserError
from espnet_mtl.package.packing import (
    CONFIG_KEY,
    LM_CONFIG_KEY,
    LM_WEIGHTS_KEY,
    NGRAM_KEY,
    WEIGHTS_KEY,
)
from espnet_mtl.package.unpacking import named_files, open_package, read_meta

# Models by the argument of Speech2Text: what each is, and the option of asr_mtl.sh that
# asks for it.
_MODELS = {
    WEIGHTS_KEY: ("recogniser", ""),
    LM_WEIGHTS_KEY: ("language model", "--use_lm true"),
    NGRAM_KEY: ("n-gram model", "--use_ngram true"),
}
# Configurations are rewritten when they are packed: only their tokens are compared.
_CONFIGS = {CONFIG_KEY: "recogniser", LM_CONFIG_KEY: "language model"}
FILES = (*_CONFIGS, *_MODELS)
_CHUNK_BYTES = 2**20


def read_contents(zip_file: Path) -> dict[str, str]:
    """List the files of a package that decoding uses.

    Args:
        zip_file: The package.

    Returns:
        Names in the zip, by the argument of ``Speech2Text``.

    Raises:
        UserError: If it is no ASR package.
    """
    with open_package(zip_file) as archive:
        return named_files(read_meta(archive, zip_file))


def check_contents(zip_file: Path, wanted: Mapping[str, Path]) -> None:
    """Check that a package has the models of these files, and no other models.

    Args:
        zip_file: The package.
        wanted: Files, by the argument of ``Speech2Text``.

    Raises:
        UserError: If it was packed from other files, or is no ASR package.
    """
    with open_package(zip_file) as archive:
        packed = named_files(read_meta(archive, zip_file))
        for key, (model, option) in _MODELS.items():
            if key in packed and key not in wanted:
                raise UserError(
                    f"{zip_file} has a {model}, but the options do not ask for one: "
                    f"give {option} as in stage 14, or repeat stage 14"
                )
            if key in wanted and key not in packed:
                raise UserError(
                    f"{zip_file} has no {model}, but the options ask for one: repeat "
                    "stage 14"
                )
            if key in wanted and not _is_same(
                archive.getinfo(packed[key]), wanted[key]
            ):
                raise _differs(zip_file, model, wanted[key])
        for key, model in _CONFIGS.items():
            if key in wanted and key in packed:
                inside = _tokens(archive.read(packed[key]))
                if inside != _tokens(wanted[key].read_bytes()):
                    raise _differs(zip_file, model, wanted[key])


def _is_same(member: zipfile.ZipInfo, path: Path) -> bool:
    """Compare by size and by the checksum that the zip has of each file."""
    if member.file_size != path.stat().st_size:
        return False
    checksum = 0
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            checksum = zlib.crc32(chunk, checksum)
    return checksum == member.CRC


def _tokens(config: bytes) -> Any:
    return (yaml.safe_load(config) or {}).get("token_list")


def _differs(zip_file: Path, model: str, path: Path) -> UserError:
    return UserError(
        f"{zip_file} has another {model} than {path}, which was made or chosen after "
        "packing: repeat stage 14"
    )
