"""Unpack a model zip that may come from a stranger."""

import contextlib
import errno
import functools
import importlib.metadata
import logging
import re
import shutil
import stat
import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

from espnet_mtl.errors import UserError
from espnet_mtl.package import packing
from espnet_mtl.package.allowed import pick_allowed
from espnet_mtl.package.named_files import (
    check_named_files,
    plain_names,
    point_to_unpacked,
)
from espnet_mtl.package.plain_yaml import check_yaml_size, read_plain_yaml

# A model has a few GB at most, and weights hardly compress. What unpacks to more is
# meant to fill a disk.
MAX_UNPACKED_BYTES = 64 * 2**30
MAX_COMPRESSION_RATIO = 200
MAX_MEMBERS = 10_000
_SMALL_BYTES = 10 * 2**20
_SAFE_SENTENCEPIECE = (0, 2, 1)
# What a damaged or encrypted archive raises
_DAMAGED = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    NotImplementedError,
    RuntimeError,
    ValueError,
)

Meta = dict[str, Any]


def unpack_model(
    zip_file: Path, folder: Path, trusted: bool = False
) -> dict[str, Path]:
    """Unpack an ESPnet ASR package, ours or anybody's, into a folder of its own.

    Paths in its configurations become those of the unpacked files. No code of the zip
    runs here; weights are checked when they are loaded
    (:func:`espnet_mtl.tasks.weights.load_weights`).

    Args:
        zip_file: The package.
        folder: Where its files go; must not exist.
        trusted: Whether the user stands for it. If not, it may only have classes that
            are allowed, and all files that they need are in it; what its configurations
            say of training is left out.

    Returns:
        The unpacked files by the names of ``Speech2Text``'s arguments:
        ``asr_train_config`` and ``asr_model_file``, and ``lm_train_config``,
        ``lm_file`` and ``ngram_file`` where the package has them.

    Raises:
        UserError: If the zip is damaged, hostile or no ASR package.
    """
    with open_package(zip_file) as (archive, meta):
        members = plain_names(archive.namelist())
        configs = {
            name: yaml.safe_dump(point_to_unpacked(settings, members, folder))
            for name, settings in _read_configs(archive, meta, members, trusted)
        }
        _extract_all(archive, zip_file, folder, configs)
    return {name: folder / file for name, file in used_files(meta).items()}


def _read_configs(
    archive: zipfile.ZipFile, meta: Meta, members: set[str], trusted: bool
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield names and settings of the configurations that models are built from."""
    for key in packing.CONFIG_KEYS:
        if key not in meta["yaml_files"]:
            continue
        name = meta["yaml_files"][key]
        settings = read_member(archive, name)
        if not trusted:
            place = f"{archive.filename}: {name}"
            settings = pick_allowed(settings, place, key == packing.LM_CONFIG_KEY)
            check_named_files(settings, members, place)
            if settings.get("bpemodel"):
                _warn_of_old_sentencepiece()
        yield name, settings


def extract_package(zip_file: Path, folder: Path) -> Meta:
    """Write the files of a package, as they are, into a folder, which must not exist.

    Returns the package's ``meta.yaml``.

    Raises:
        UserError: If the zip is damaged, hostile or no ASR package.
    """
    with open_package(zip_file) as (archive, meta):
        _extract_all(archive, zip_file, folder, {})
    return meta


@contextlib.contextmanager
def open_package(zip_file: Path) -> Iterator[tuple[zipfile.ZipFile, Meta]]:
    """Open a package, check the names in it, and read its ``meta.yaml``.

    Raises:
        UserError: If it is no zip, is hostile, or is no ASR package.
    """
    try:
        archive = zipfile.ZipFile(zip_file)
    except (OSError, zipfile.BadZipFile) as error:
        raise UserError(f"{zip_file}: not a readable zip ({error})") from error
    with archive:
        _check_members(archive, zip_file)
        yield archive, _read_meta(archive, zip_file)


def read_config(zip_file: Path, key: str = packing.CONFIG_KEY) -> dict[str, Any]:
    """Read a configuration of a package, to look at and not to build from.

    Raises:
        UserError: If it is not there or is not plain YAML, or the zip is refused.
    """
    with open_package(zip_file) as (archive, meta):
        if key not in meta["yaml_files"]:
            raise UserError(f"{zip_file}: the package has no {key}")
        return read_member(archive, meta["yaml_files"][key])


def read_member(archive: zipfile.ZipFile, name: str) -> dict[str, Any]:
    """Read a YAML file of an open package.

    Raises:
        UserError: If it is too large, damaged or not plain YAML.
    """
    place = f"{archive.filename}: {name}"
    check_yaml_size(archive.getinfo(name).file_size, place)
    try:
        content = archive.read(name)
    except _DAMAGED as error:
        raise UserError(f"{place}: damaged ({error})") from error
    return read_plain_yaml(content, place)


def used_files(meta: Meta) -> dict[str, str]:
    """Pick the files that decoding uses: names by the argument of ``Speech2Text``."""
    named = {k: v for k, v in meta["yaml_files"].items() if k in packing.CONFIG_KEYS}
    named |= {k: v for k, v in meta["files"].items() if k in packing.MODEL_KEYS}
    return {name: named[name] for name in packing.KEYS if name in named}


def _check_members(archive: zipfile.ZipFile, zip_file: Path) -> None:
    """Refuse names outside the folder, links, repeated names and zip bombs."""
    if len(archive.infolist()) > MAX_MEMBERS:
        raise UserError(
            f"{zip_file}: refused: it has {len(archive.infolist())} files, and a "
            f"package has {MAX_MEMBERS} at most"
        )
    seen = set()
    for member in archive.infolist():
        name = member.filename
        path = PurePosixPath(name)
        is_elsewhere = path.is_absolute() or ".." in path.parts
        # On another system, a drive or another way to write a folder
        if is_elsewhere or "\\" in name or re.match("[A-Za-z]:", name):
            raise UserError(
                f"{zip_file}: refused: '{name}' would be written outside its folder"
            )
        kind = stat.S_IFMT(member.external_attr >> 16)
        if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise UserError(f"{zip_file}: refused: '{name}' is a link or device")
        if path in seen:
            raise UserError(f"{zip_file}: refused: '{name}' is in it twice")
        seen.add(path)
        _check_growth(member, f"{zip_file}: refused: '{name}'")


def _check_growth(member: zipfile.ZipInfo, place: str) -> None:
    if member.file_size > _SMALL_BYTES + MAX_COMPRESSION_RATIO * max(
        member.compress_size, 1
    ):
        raise UserError(
            f"{place} would grow from {member.compress_size} to {member.file_size} "
            "bytes"
        )


def _check_zips_in_zip(folder: Path, zip_file: Path) -> None:
    """Refuse zip bombs among unpacked files: weights and statistics are zips too."""
    for file in folder.rglob("*"):
        if not file.is_file() or not zipfile.is_zipfile(file):
            continue
        name = file.relative_to(folder)
        try:
            with zipfile.ZipFile(file) as inner:
                for member in inner.infolist():
                    _check_growth(
                        member, f"{zip_file}: refused: '{member.filename}' in '{name}'"
                    )
        except zipfile.BadZipFile as error:
            raise UserError(f"{zip_file}: '{name}' is damaged ({error})") from error


def _check_space(archive: zipfile.ZipFile, zip_file: Path, folder: Path) -> None:
    total = sum(member.file_size for member in archive.infolist())
    if total > MAX_UNPACKED_BYTES:
        raise UserError(f"{zip_file}: refused: it would unpack to {total} bytes")
    free = shutil.disk_usage(folder).free
    if total > free:
        raise UserError(
            f"{zip_file}: unpacks to {total} bytes, but {folder} has {free}; free some "
            "space, or set TMPDIR to a folder on a larger disk"
        )


def _read_meta(archive: zipfile.ZipFile, zip_file: Path) -> Meta:
    """Read ``meta.yaml``, which has to name a configuration and weights."""
    names = set(archive.namelist())
    hint = (
        f"{zip_file}: not an ESPnet2 ASR package: its {packing.META_NAME} should name "
        f"an {packing.CONFIG_KEY} and an {packing.WEIGHTS_KEY} that are in the zip. "
        "Pack one by stage 14, asr_mtl_pack or espnet2.bin.pack asr"
    )
    if packing.META_NAME not in names:
        raise UserError(hint)
    meta: Meta = read_member(archive, packing.META_NAME)
    try:
        configs, files = meta["yaml_files"], meta["files"]
        named = {*configs.values(), *files.values()}
        named |= {configs[packing.CONFIG_KEY], files[packing.WEIGHTS_KEY]}
    except (AttributeError, KeyError, TypeError) as error:
        raise UserError(hint) from error
    if not named <= names:
        raise UserError(hint)
    return meta


def _extract_all(
    archive: zipfile.ZipFile, zip_file: Path, folder: Path, replaced: Mapping[str, str]
) -> None:
    """Write all files, some with another text, into a folder that must not exist.

    Files go to a temporary folder, which is renamed at the end, so that a refused zip
    leaves nothing behind.
    """
    if folder.exists():
        raise UserError(f"{folder}: already there; unpack {zip_file} elsewhere")
    folder.parent.mkdir(parents=True, exist_ok=True)
    _check_space(archive, zip_file, folder.parent)
    unfinished = Path(tempfile.mkdtemp(prefix=".unpacking-", dir=folder.parent))
    try:
        _extract(archive, zip_file, unfinished)
        _check_zips_in_zip(unfinished, zip_file)
        for name, text in replaced.items():
            (unfinished / name).write_text(text, encoding="utf-8")
        unfinished.rename(folder)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _extract(archive: zipfile.ZipFile, zip_file: Path, folder: Path) -> None:
    try:
        archive.extractall(folder)
    except _DAMAGED as error:
        raise UserError(f"{zip_file}: damaged ({error})") from error
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise UserError(f"{zip_file}: cannot be unpacked ({error})") from error


@functools.cache  # said once
def _warn_of_old_sentencepiece() -> None:
    installed = importlib.metadata.version("sentencepiece")
    numbers = tuple(int(part) for part in re.findall(r"\d+", installed)[:3])
    if numbers < _SAFE_SENTENCEPIECE:
        logging.warning(
            "sentencepiece %s reads the package's bpemodel. Before version %s, a "
            "hostile model can damage the program's memory (CVE-2026-1260). If you do "
            "not trust who has made the package: pip install 'sentencepiece>=%s'",
            installed,
            *2 * [".".join(map(str, _SAFE_SENTENCEPIECE))],
        )
