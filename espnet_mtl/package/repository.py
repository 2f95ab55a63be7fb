"""A packed model as a repository on Hugging Face, laid out as by ESPnet's stage."""

import shutil
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from espnet_mtl.errors import UserError
from espnet_mtl.package.unpacking import extract_package


def make_repository(
    zip_file: Path, texts: Mapping[str, str], results: Iterable[Path], folder: Path
) -> dict[str, int]:
    """Unpack a model as it is, and add texts and results.

    Args:
        zip_file: The package.
        texts: Contents of files such as ``README.md``, by name.
        results: Files and directories to put in, as far as they exist.
        folder: The repository; an earlier one is replaced at the end.

    Returns:
        The size of each file in bytes, by name.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".hf-", dir=folder.parent) as place:
        made = Path(place) / "new"
        extract_package(zip_file, made)
        for name, text in texts.items():
            (made / name).write_text(text, encoding="utf-8")
        for path in results:
            if path.is_dir():
                shutil.copytree(path, made / path.name)
            elif path.exists():
                shutil.copy(path, made)
        if folder.exists():
            folder.rename(Path(place) / "old")
        made.rename(folder)
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    return {str(file.relative_to(folder)): file.stat().st_size for file in files}


def upload(folder: Path, repo: str) -> str:
    """Upload a repository, with the login of Hugging Face's own tool.

    Args:
        folder: What to upload.
        repo: ``<user>/<name>``; created if it does not exist.

    Returns:
        Its address.

    Raises:
        UserError: If ``huggingface_hub`` is missing, or Hugging Face refuses.
    """
    try:
        from huggingface_hub import HfApi
    except ImportError as error:
        raise UserError(
            "the upload needs a package that is missing: 'pip install "
            "huggingface_hub', then 'hf auth login'"
        ) from error
    api = HfApi()
    try:
        api.create_repo(repo, exist_ok=True)
        api.upload_folder(
            repo_id=repo, folder_path=str(folder), commit_message="Update model"
        )
    except Exception as error:  # its own, and those of whatever sends its requests
        raise UserError(
            f"{repo}: Hugging Face refuses the upload: {error}. Log in by 'hf auth "
            "login' with a token that may write, and check the name"
        ) from error
    return f"https://huggingface.co/{repo}"
