"""Unpack a model zip that may come from a stranger."""

import contextlib
import errno
import shutil
import stat
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

from espnet_mtl.errors import UserError
from espnet_mtl.package import packing

# A model has a few GB at most, and weights hardly compress. What unpacks to more is
# meant to fill a disk.
MAX_UNPACKED_BYTES = 64 * 2**30
MAX_COMPRESSION_RATIO = 200
_SMALL_BYTES = 10 * 2**20
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


def unpack_model(zip_file: Path, folder: Path) -> dict[str, Path]:
    """Unpack an ESPnet ASR package, ours or anybody's, into a folder of its own.

    Paths in its configurations become those of the unpacked files. No code of the zip
    runs here; weights are checked when they are loaded
    (:func:`espnet_mtl.tasks.weights.load_weights`).

    Returns:
        The unpacked files by the names of ``Speech2Text``'s arguments:
        ``asr_train_config`` and ``asr_model_file``, and ``lm_train_config``,
        ``lm_file`` and ``ngram_file`` where the package has them.

    Raises:
        UserError: If the zip is damaged, hostile or no ASR package.
    """
    meta = extract_package(zip_file, folder, point=True)
    return {name: folder / file for name, file in named_files(meta).items()}


def extract_package(zip_file: Path, folder: Path, point: bool = False) -> Meta:
    """Write the files of a package into a folder, which must not exist.

    All names in the zip are checked before anything is written. Files go to a temporary
    folder, which is renamed at the end, so that a refused zip leaves nothing behind.

    With ``point``, the paths in its configurations become those of the unpacked files.
    Returns the package's ``meta.yaml``.

    Raises:
        UserError: If the zip is damaged, hostile or no ASR package.
    """
    if folder.exists():
        raise UserError(f"{folder}: already there; unpack {zip_file} elsewhere")
    with open_package(zip_file) as (archive, meta):
        folder.parent.mkdir(parents=True, exist_ok=True)
        _check_space(archive, zip_file, folder.parent)
        unfinished = Path(tempfile.mkdtemp(prefix=".unpacking-", dir=folder.parent))
        try:
            _extract(archive, zip_file, unfinished)
            for name in meta["yaml_files"].values() if point else ():
                _point_to_unpacked(unfinished / name, archive.namelist(), folder)
            unfinished.rename(folder)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)
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


def named_files(meta: Meta) -> dict[str, str]:
    """Pick the files that decoding uses: names by the argument of ``Speech2Text``."""
    named = {**meta["yaml_files"], **meta["files"]}
    return {name: named[name] for name in packing.KEYS if name in named}


def _check_members(archive: zipfile.ZipFile, zip_file: Path) -> None:
    """Refuse names outside the folder, links, repeated names and zip bombs."""
    seen = set()
    for member in archive.infolist():
        name = member.filename
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts or "\\" in name or ":" in name:
            raise UserError(
                f"{zip_file}: refused: '{name}' would be written outside its folder"
            )
        kind = stat.S_IFMT(member.external_attr >> 16)
        if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise UserError(f"{zip_file}: refused: '{name}' is a link or device")
        if path in seen:
            raise UserError(f"{zip_file}: refused: '{name}' is in it twice")
        seen.add(path)
        if member.file_size > _SMALL_BYTES + MAX_COMPRESSION_RATIO * max(
            member.compress_size, 1
        ):
            raise UserError(
                f"{zip_file}: refused: '{name}' would grow from "
                f"{member.compress_size} to {member.file_size} bytes"
            )


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
    try:
        meta: Meta = yaml.safe_load(archive.read(packing.META_NAME))
        configs, files = meta["yaml_files"], meta["files"]
        named = {*configs.values(), *files.values()}
        named |= {configs[packing.CONFIG_KEY], files[packing.WEIGHTS_KEY]}
    except (*_DAMAGED, yaml.YAMLError, AttributeError, KeyError, TypeError) as error:
        raise UserError(hint) from error
    if not named <= names:
        raise UserError(hint)
    return meta


def _extract(archive: zipfile.ZipFile, zip_file: Path, folder: Path) -> None:
    try:
        archive.extractall(folder)
    except _DAMAGED as error:
        raise UserError(f"{zip_file}: damaged ({error})") from error
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise UserError(f"{zip_file}: cannot be unpacked ({error})") from error


def _point_to_unpacked(config: Path, names: list[str], folder: Path) -> None:
    """Replace names in the zip by paths of the unpacked files in a configuration."""
    files = {name: str((folder / name).resolve()) for name in names}
    # With YAML's aliases, one object can stand in many places. Copies of it would let a
    # few lines of a hostile file grow to gigabytes.
    pointed: dict[int, Any] = {}

    def point(value: Any) -> Any:
        if isinstance(value, str):
            return files.get(value, value)
        if isinstance(value, dict | list) and id(value) not in pointed:
            pointed[id(value)] = None  # a loop of aliases ends here
            pointed[id(value)] = (
                {key: point(item) for key, item in value.items()}
                if isinstance(value, dict)
                else [point(item) for item in value]
            )
        return pointed.get(id(value), value)

    try:
        settings = yaml.safe_load(config.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError, OSError) as error:
        raise UserError(
            f"{config.name} in the zip is refused: not plain YAML ({error})"
        ) from error
    if not isinstance(settings, dict):
        raise UserError(f"{config.name} in the zip is no training configuration")
    config.write_text(yaml.safe_dump(point(settings)), encoding="utf-8")
