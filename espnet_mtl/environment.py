"""Where and with what results were made."""

import datetime
import platform
import subprocess
from pathlib import Path


def git_commit() -> str:
    """Return the commit of this code, with a remark if tracked files have been changed.

    It is ``"unknown"`` outside a git checkout.
    """
    commit = _git("rev-parse", "--short=12", "HEAD")
    if not commit:
        return "unknown"
    changed = _git("status", "--porcelain", "--untracked-files=no")
    return f"{commit} with uncommitted changes" if changed else commit


def environment() -> list[str]:
    """Return date, versions and commit, in words of ESPnet's ``show_asr_result.sh``."""
    date = datetime.datetime.now().astimezone().strftime("%a %b %d %H:%M:%S %Z %Y")
    python = f"{platform.python_version()} ({platform.python_compiler()})"
    lines = [
        f"date: `{date}`",
        f"python version: `{python}`",
        f"espnet version: `espnet {_version('espnet')}`",
        f"pytorch version: `pytorch {_version('torch')}`",
        f"Git hash: `{git_commit()}`",
    ]
    if when := _git("log", "-1", "--format=%cd"):
        lines.append(f"Commit date: `{when}`")
    return lines


def _version(package: str) -> str:
    # Imported late: it takes longer than all else here.
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _git(*words: str) -> str:
    root = Path(__file__).resolve().parent
    try:
        result = subprocess.run(
            ["git", *words], cwd=root, capture_output=True, text=True, check=False
        )
    except OSError:
        return ""
    return result.stdout.strip() if result.returncode == 0 else ""
