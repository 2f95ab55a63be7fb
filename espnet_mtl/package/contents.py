"""Compare a packed model with the files that it should have been packed from."""

import hashlib
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from espnet_mtl.errors import UserError
from espnet_mtl.package import packing
from espnet_mtl.package.unpacking import open_package, read_member, used_files

# Models by the argument of Speech2Text: what each is, and the option of asr_mtl.sh that
# asks for it.
_MODELS = {
    packing.WEIGHTS_KEY: ("recogniser", ""),
    packing.LM_WEIGHTS_KEY: ("language model", "--use_lm true"),
    packing.NGRAM_KEY: ("n-gram model", "--use_ngram true"),
}
# Configurations are rewritten when they are packed: only their tokens are compared.
_CONFIGS = {packing.CONFIG_KEY: "recogniser", packing.LM_CONFIG_KEY: "language model"}
_CHUNK_BYTES = 2**20


def read_contents(zip_file: Path) -> dict[str, str]:
    """Return the names in a package, by the argument of ``Speech2Text``."""
    with open_package(zip_file) as (_, meta):
        return used_files(meta)


def hash_weights(zip_file: Path) -> str:
    """Return the SHA-256 of the packed weights, in hexadecimal."""
    with open_package(zip_file) as (archive, meta):
        with archive.open(used_files(meta)[packing.WEIGHTS_KEY]) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()


def check_contents(zip_file: Path, wanted: Mapping[str, Path]) -> None:
    """Check that a package has the models of certain files, and no other models.

    ``wanted`` are the files, by the argument of ``Speech2Text``.

    Raises:
        UserError: If it was packed from other files, or is no ASR package.
    """
    with open_package(zip_file) as (archive, meta):
        packed = used_files(meta)
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
        for key, name in packed.items():
            path = wanted.get(key)
            if path is None:
                continue
            if key in _CONFIGS:
                model = _CONFIGS[key]
                packed_tokens = read_member(archive, name).get("token_list")
                is_same = packed_tokens == _tokens(path)
            else:
                model = _MODELS[key][0]
                is_same = _is_same(archive.getinfo(name), path)
            if not is_same:
                raise UserError(
                    f"{zip_file} has another {model} than {path}, which was made or "
                    "chosen after packing: repeat stage 14"
                )


def _is_same(member: zipfile.ZipInfo, path: Path) -> bool:
    """Compare by size and by the checksum that the zip has of each file."""
    if member.file_size != path.stat().st_size:
        return False
    checksum = 0
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            checksum = zlib.crc32(chunk, checksum)
    return checksum == member.CRC


def _tokens(config: Path) -> Any:
    settings = yaml.safe_load(config.read_text(encoding="utf-8")) or {}
    return settings.get("token_list")
