"""The study's scripts are not a package: make them importable here."""

import sys
from pathlib import Path

LOCAL = Path(__file__).resolve().parents[2] / "local"
sys.path.insert(0, str(LOCAL))
