"""Where a corpus is, as the user says."""

from pathlib import Path

from espnet_mtl.errors import UserError


def find_root(corpus: str, title: str, root: str, get_it: str) -> Path:
    """Return the folder of a corpus, which the user has named.

    Args:
        corpus: Name of the recipe.
        title: Name of the corpus.
        root: The folder as the user wrote it; empty where there is none.
        get_it: How to get the corpus, and where to name its folder.

    Raises:
        UserError: If none is named, or it is not a folder.
    """
    if not root:
        raise UserError(f"{corpus}: where is {title}? {get_it}.")
    folder = Path(root).expanduser().absolute()
    if not folder.is_dir():
        raise UserError(f"{corpus}: {folder} is not a folder. {get_it}.")
    return folder
