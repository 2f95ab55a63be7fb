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
    wishes, instead = [], []
    if args.ngpu > 0:
        wishes.append(f"--ngpu {args.ngpu}")
        instead.append("--ngpu 0")
    if args.gpu_inference:
        wishes.append("--gpu_inference true")
        instead.append("--gpu_inference false")
    # Together, or the second would be missed only in the next run.
    number = max(args.ngpu, int(args.gpu_inference))
    fix = f"use the CPU: {' '.join(instead)}"
    require_gpus(" and ".join(wishes), number, fix)


if __name__ == "__main__":
    run_main(main)
