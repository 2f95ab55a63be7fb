"""The study's scripts are not a package: make them importable here."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from fake_study import Study

LOCAL = Path(__file__).resolve().parents[2] / "local"
sys.path.insert(0, str(LOCAL))


@pytest.fixture
def study(tmp_path: Path) -> Callable[..., Study]:
    return lambda *systems: Study(tmp_path, systems)
