"""Where the corpus of a recipe lies, and whether its data were made from there."""

import json
import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

from settings import Settings

from espnet_mtl.atomic import write_text
from espnet_mtl.errors import UserError


def read_roots(recipe: Path) -> dict[str, str]:
    """Read the folders of corpora that a recipe's ``local/data.sh`` takes.

    They are variables of ``db.sh``, which may take them from the environment. What is
    not set is left out.
    """
    db, script = recipe / "db.sh", recipe / "local" / "data.sh"
    if not db.is_file() or not script.is_file():
        return {}
    names = re.findall(r"^(?:export )?(\w+)=", db.read_text(encoding="utf-8"), re.M)
    used = {*re.findall(r"\$\{?(\w+)", script.read_text(encoding="utf-8"))}
    found = {
        name: read_path(recipe, name, os.environ) for name in names if name in used
    }
    return {name: os.path.realpath(path) for name, path in found.items() if path}


def read_path(recipe: Path, name: str, environment: Mapping[str, str]) -> str:
    """Read a path from ``db.sh``, which may take it from the environment; "" for none.

    Relative paths are those from the recipe.
    """
    done = subprocess.run(
        ["bash", "-c", f'. ./db.sh; printf %s "${{{name}:-}}"'],
        cwd=recipe,
        env=dict(environment),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return done.stdout and os.path.normpath(recipe / done.stdout)


def check_roots(settings: Settings, anew: bool) -> None:
    """Check that a corpus still lies where the data of the study were made from.

    A later command need not say where that is: it goes on with the data that are there.

    Args:
        anew: Whether the data are about to be made.

    Raises:
        UserError: If a command names another place.
    """
    path = settings.study_dir / "log" / "roots.json"
    roots = read_roots(settings.recipe)
    if anew:
        write_text(path, json.dumps(roots, indent=1) + "\n")
    elif path.is_file():
        known = json.loads(path.read_text(encoding="utf-8"))
        for name, root in roots.items():
            if known.get(name, root) != root:
                raise UserError(
                    f"{name}={root}: the data in {settings.study_dir} were made from "
                    f"{known[name]}. For a study of the other one, add --expdir with a "
                    "place of its own; or --redo true, to make all of this study anew"
                )
