"""What the installed commands (``asr_mtl_train``, ...) start."""

import importlib
import sys
from pathlib import Path

from espnet_mtl.errors import run_main


def run() -> None:
    """Run the module of this folder that is named as the command was.

    Raises:
        SystemExit: With status 1 when the user can correct what went wrong.
    """
    name = Path(sys.argv[0]).stem
    run_main(lambda: importlib.import_module(f"espnet_mtl.bin.{name}").main())
