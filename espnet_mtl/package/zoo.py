"""A model by its name: a package from Hugging Face or ESPnet's model zoo.

ESPnet's own downloader fetches it. What it brings is from a stranger, so only its
downloading is used: it would unpack, and rewrite the files that ``meta.yaml`` names,
wherever they are, before anybody has looked at them. A repository of Hugging Face,
which is an unpacked package, becomes a zip here, and then
:mod:`espnet_mtl.package.unpacking` judges it as any other.
"""

import logging
import zipfile
from pathlib import Path
from typing import Any, Protocol

import yaml

from espnet_mtl.errors import UserError
from espnet_mtl.package.named_files import named_files
from espnet_mtl.package.packing import CONFIG_KEYS, META_NAME, add_file
from espnet_mtl.package.plain_yaml import check_yaml_size, read_plain_yaml
from espnet_mtl.package.unpacking import used_files

_HUGGING_FACE = "huggingface.co"  # what the downloader calls it
_FOLDER_NAME = "espnet_mtl"  # of our zips, in its cache


class Downloader(Protocol):
    """What is used of ESPnet's ``ModelDownloader``."""

    cachedir: Path

    def get_url(self, name: str) -> str:
        """Find where a model is; ``huggingface.co`` if the zoo's table lacks it."""
        ...

    def download(self, name: str) -> str:
        """Fetch a zip of the zoo; return its path."""
        ...

    def huggingface_download(self, name: str) -> str:
        """Fetch a repository; return its folder."""
        ...


def fetch_model(tag: str) -> Path:
    """Fetch a package by its name; what was fetched before is not fetched again.

    Args:
        tag: Name in ESPnet's model zoo, ``<user>/<repository>`` on Hugging Face, or
            the address of a zip.

    Returns:
        The package as a zip, in the cache of the downloader. It is checked when it is
        read.

    Raises:
        UserError: If ``espnet_model_zoo`` is missing, there is no such model, or it is
            no package.
    """
    downloader = _make_downloader()
    name = tag.removeprefix(f"https://{_HUGGING_FACE}/")
    try:
        url = downloader.get_url(name=name)
        if _HUGGING_FACE in url:
            folder = Path(downloader.huggingface_download(name=name))
        elif Path(url).exists():
            raise UserError(f"--model_tag {tag}: this is a file: give --model_zip")
        else:
            return Path(downloader.download(name=name))
    except UserError:
        raise
    except Exception as error:  # of the network, of Hugging Face, of the zoo's table
        raise UserError(
            f"--model_tag {tag}: not fetched ({type(error).__name__}: {error}). Give a "
            "name that https://huggingface.co or ESPnet's model zoo knows, and see "
            "that this machine reaches it; or fetch the package elsewhere and give it "
            "as --model_zip"
        ) from error
    # The folder of a repository is named after its commit.
    zip_name = f"{name.replace('/', '--')}-{folder.name}.zip"
    zip_file = Path(downloader.cachedir) / _FOLDER_NAME / zip_name
    if not zip_file.is_file():
        zip_folder(folder, zip_file)
    logging.info("--model_tag %s: the package is %s", tag, zip_file)
    return zip_file


def zip_folder(folder: Path, output: Path) -> None:
    """Make a zip of an unpacked package: of the files that its model needs.

    The same files make the same zip. Names that ESPnet has made absolute, when it
    loaded the model from this folder, become relative again.

    Raises:
        UserError: If the folder is no package, or names files outside of it.
    """
    try:
        named = used_files(_read_yaml(folder, META_NAME))
    except (AttributeError, KeyError, TypeError) as error:
        raise UserError(
            f"{folder / META_NAME}: does not say which files the package has; give a "
            "model of ESPnet2's recipes for recognition (ASR)"
        ) from error
    configs = {
        name: _make_relative(_read_yaml(folder, name), folder)
        for key, name in named.items()
        if key in CONFIG_KEYS
    }
    meta = {
        "yaml_files": {key: name for key, name in named.items() if key in CONFIG_KEYS},
        "files": {key: name for key, name in named.items() if key not in CONFIG_KEYS},
    }
    needed = {*named.values()}
    for settings in configs.values():
        # What is not there is refused, with its name, when the zip is read.
        files = named_files(settings).values()
        needed.update(file for file in files if _find(folder, file))
    output.parent.mkdir(parents=True, exist_ok=True)
    unfinished = output.with_name(f".{output.name}.unfinished")
    try:
        with zipfile.ZipFile(unfinished, "w") as archive:
            add_file(archive, META_NAME, yaml.safe_dump(meta).encode())
            for name in sorted(needed):
                if name in configs:
                    add_file(archive, name, yaml.safe_dump(configs[name]).encode())
                    continue
                path = _find(folder, name)
                if path is None:
                    raise UserError(
                        f"{folder}: refused: its {META_NAME} names '{name}', which is "
                        "not a file of the package"
                    )
                add_file(archive, name, path.read_bytes())
        unfinished.replace(output)
    finally:
        unfinished.unlink(missing_ok=True)


def _make_downloader() -> Downloader:
    try:
        from espnet_model_zoo.downloader import ModelDownloader
    except ImportError as error:
        raise UserError(
            f"--model_tag needs espnet_model_zoo ({error}): pip install "
            "espnet_model_zoo; or fetch the package yourself, and give --model_zip"
        ) from error
    downloader: Downloader = ModelDownloader()
    return downloader


def _read_yaml(folder: Path, name: str) -> dict[str, Any]:
    path = _find(folder, name)
    if path is None:
        raise UserError(
            f"{folder}: no '{name}' in it, so it is no package of ESPnet2; give the "
            "name of a model that was packed by ESPnet2's recipes"
        )
    check_yaml_size(path.stat().st_size, str(path))
    return read_plain_yaml(path.read_bytes(), str(path))


def _find(folder: Path, name: object) -> Path | None:
    """Find a file of a package; ``None`` for what is none, or lies outside.

    Hugging Face's cache has links in the folder, to files that it keeps beside it:
    ``<repository>/snapshots/<commit>/<name>`` to ``<repository>/blobs/<digest>``.
    """
    if not isinstance(name, str) or not name:
        return None
    path = Path(name)
    if path.is_absolute() or ".." in path.parts:
        return None
    found = folder / path
    is_cache = folder.parent.name == "snapshots"
    home = folder.parents[1] if is_cache else folder
    if not found.is_file() or not found.resolve().is_relative_to(home.resolve()):
        return None
    return found


def _make_relative(value: Any, folder: Path) -> Any:
    """Take the folder out of names that begin with it."""
    if isinstance(value, dict):
        return {name: _make_relative(one, folder) for name, one in value.items()}
    if isinstance(value, list):
        return [_make_relative(one, folder) for one in value]
    return value.removeprefix(f"{folder}/") if isinstance(value, str) else value
