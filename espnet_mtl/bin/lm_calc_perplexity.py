#!/usr/bin/env python3
"""Measure a language model: ESPnet's lm_calc_perplexity, started in half the time.

The weights have to fit, and run no code.
"""

import espnet_mtl.fast_start  # noqa: F401  (before ESPnet)

from espnet2.bin import lm_calc_perplexity

from espnet_mtl.errors import run_main
from espnet_mtl.tasks.lm import StrictLMTask
from espnet_mtl.tasks.substitute import substitute


def main(cmd: list[str] | None = None) -> None:
    """Measure."""
    # ESPnet's own task would unpickle whatever the file holds.
    with substitute(lm_calc_perplexity, LMTask=StrictLMTask):
        lm_calc_perplexity.main(cmd)


if __name__ == "__main__":
    run_main(main)
