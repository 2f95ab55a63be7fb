"""The recipe that a study runs on: a corpus that there is, or one made for a table."""

import os
import re
import subprocess
from pathlib import Path

from roots import read_path

from espnet_mtl.errors import UserError

_DEFAULT = "mini_accent"


def choose_recipe(root: Path, corpus: str, table: str) -> tuple[str, str]:
    """Choose the recipe; one for a table is made from the template when it is missing.

    Args:
        root: The checkout.
        corpus: Name of the recipe; "" for mini_accent, or that of the table's file.
        table: The table of one's own corpus; "" where none was given.

    Returns:
        Name of the recipe, and the table that it reads, by its whole path; "" for a
        recipe that reads none.

    Raises:
        UserError: If the table is missing, or the recipe is that of another corpus.
    """
    if table:
        return _choose_for_table(root, corpus, table)
    corpus = corpus or _DEFAULT
    recipe = _recipe_of(root, corpus)
    if not _reads_table(recipe):
        return corpus, ""
    table = read_path(recipe, "TABLE", os.environ)
    if not table:
        raise UserError(
            f"--corpus {corpus}: where is its table? Give --table FILE, or set "
            f"TABLE in {recipe / 'db.sh'}"
        )
    if not Path(table).is_file():
        raise UserError(
            f"--corpus {corpus}: its table {table} is gone. Give --table FILE, and "
            f"correct TABLE in {recipe / 'db.sh'}"
        )
    return corpus, table


def _choose_for_table(root: Path, corpus: str, table: str) -> tuple[str, str]:
    path = os.path.abspath(os.path.expanduser(table))
    if not Path(path).is_file():
        raise UserError(f"--table {table}: no such file")
    name = corpus or re.sub(r"[^\w.-]+", "_", Path(path).stem)
    if not re.fullmatch(r"\w[\w.-]*", name):
        raise UserError(
            f"--corpus {name}: give the recipe a name of letters, digits, '_' and '-'"
        )
    recipe = _recipe_of(root, name)
    if not (recipe / "run.sh").exists():
        setup = root / "egs2" / "TEMPLATE" / "asr_mtl1" / "setup.sh"
        subprocess.run([setup, recipe, path], check=True)
    elif not _reads_table(recipe):
        raise UserError(
            f"--table {table}: the recipe {recipe} is that of another corpus and reads "
            "no table. Give yours a name of its own: --corpus NAME"
        )
    else:
        unset = {name: v for name, v in os.environ.items() if name != "TABLE"}
        known = read_path(recipe, "TABLE", unset)
        if known and not _is_same(known, path):
            raise UserError(
                f"--table {table}: the recipe {recipe} belongs to {known}. Give this "
                "table a name of its own, --corpus NAME; or, if it takes the other's "
                f"place, write it into {recipe / 'db.sh'}"
            )
    return name, path


def _recipe_of(root: Path, corpus: str) -> Path:
    return root / "egs2" / corpus / "asr_mtl1"


def _reads_table(recipe: Path) -> bool:
    """Tell whether setup.sh has made it, with a db.sh of its own."""
    db = recipe / "db.sh"
    return db.is_file() and bool(
        re.search(r"^(export )?TABLE=", db.read_text(encoding="utf-8"), re.MULTILINE)
    )


def _is_same(one: str, other: str) -> bool:
    return os.path.realpath(one) == os.path.realpath(other)
