#!/usr/bin/env python3
"""Train a language model: ESPnet's lm_train, which starts in half the time.

Initial weights (``--init_param``) may also come from a packed model, and run no code.
"""

import argparse

import espnet_mtl.fast_start  # noqa: F401  (before ESPnet)

from espnet_mtl.errors import run_main
from espnet_mtl.tasks.lm import StrictLMTask


def get_parser() -> argparse.ArgumentParser:
    """Return ESPnet's parser."""
    return StrictLMTask.get_parser()


def main(cmd: list[str] | None = None) -> None:
    """Train.

    Args:
        cmd: Command-line arguments; ``sys.argv`` when not given.

    Raises:
        UserError: If initial weights do not fit, or if a training that only continues
            was begun with others.
    """
    StrictLMTask.main(cmd=cmd)


if __name__ == "__main__":
    run_main(main)
