#!/usr/bin/env python3
"""Train a language model: ESPnet's lm_train, which starts in half the time.

Initial weights (``--init_param``) may also come from a packed model, and run no code.
"""

from espnet_mtl.errors import run_main
from espnet_mtl.tasks.lm import StrictLMTask


def main(cmd: list[str] | None = None) -> None:
    """Train."""
    StrictLMTask.main(cmd=cmd)


if __name__ == "__main__":
    run_main(main)
