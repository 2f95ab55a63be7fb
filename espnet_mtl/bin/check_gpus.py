#!/usr/bin/env python3
"""Check that PyTorch can use the GPUs that a recipe is asked to use."""

import argparse

from espnet_mtl.errors import run_main, setup_logging
from espnet_mtl.gpus import require_gpus


def main(cmd: list[str] | None = None) -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ngpu", type=int, default=0, help="GPUs to train on")
    parser.add_argument(
        "--gpu_inference", action="store_true", help="whether decoding takes one"
    )
    args = parser.parse_args(cmd)
    setup_logging()
    require_gpus(f"--ngpu {args.ngpu}", args.ngpu, "use the CPU: --ngpu 0")
    if args.gpu_inference:
        require_gpus(
            "--gpu_inference true", 1, "decode on the CPU: --gpu_inference false"
        )


if __name__ == "__main__":
    run_main(main)
