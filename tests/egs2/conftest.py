"""The recipes' scripts are not packages: load and run them from here."""

import hashlib
import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]


class Recipe:
    """A recipe under egs2/.

    Args:
        corpus: Its name.
    """

    def __init__(self, corpus: str) -> None:
        self.folder = ROOT / "egs2" / corpus / "asr_mtl1"

    def load(self, name: str) -> ModuleType:
        """Load ``local/<name>.py`` under a name of its own."""
        local = self.folder / "local"
        path = local / f"{name}.py"
        spec = importlib.util.spec_from_file_location(
            f"{self.folder.parent.name}_{name}", path
        )
        module = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = module
        sys.path.insert(0, str(local))
        try:
            spec.loader.exec_module(module)
        finally:
            sys.path.remove(str(local))
        return module

    def run_data_sh(self, *options: object, **env: str) -> subprocess.CompletedProcess:
        """Run ``local/data.sh`` in the recipe's directory, as stage 1 does."""
        bin_dir = str(Path(sys.executable).parent)
        return subprocess.run(
            ["local/data.sh", *map(str, options)],
            cwd=self.folder,
            env={**os.environ, "PATH": f"{bin_dir}:{os.environ['PATH']}", **env},
            capture_output=True,
            text=True,
        )


@pytest.fixture(scope="session")
def mini_accent() -> Recipe:
    return Recipe("mini_accent")


@pytest.fixture(scope="session")
def fsdd() -> Recipe:
    return Recipe("fsdd")


@pytest.fixture(scope="session")
def commonvoice() -> Recipe:
    return Recipe("commonvoice")


@pytest.fixture(scope="session")
def vctk() -> Recipe:
    return Recipe("vctk")


@pytest.fixture(scope="session")
def aesrc2020() -> Recipe:
    return Recipe("aesrc2020")


@pytest.fixture(scope="session")
def saa() -> Recipe:
    return Recipe("saa")


@pytest.fixture(scope="session")
def hash_corpus():
    """Hash each file of a corpus, the places of its audio aside."""

    def hash_files(data: Path) -> dict[str, str]:
        tables = [p for p in data.glob("*/*") if p.is_file() and p.name != "wav.scp"]
        return {
            str(path.relative_to(data)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in [*tables, *data.glob("audio/*/*.wav")]
        }

    return hash_files
