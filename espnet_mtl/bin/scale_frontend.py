#!/usr/bin/env python3
"""Print options that keep the milliseconds of a front-end's windows at another rate."""

import argparse
from pathlib import Path

import yaml

from espnet_mtl.errors import UserError, run_main, setup_logging

_IN_SAMPLES = ("n_fft", "win_length", "hop_length")
_DEFAULTS = {"n_fft": 512, "hop_length": 128}  # of ESPnet's default front-end


def get_parser() -> argparse.ArgumentParser:
    """Return the parser."""
    parser = argparse.ArgumentParser(
        description="Print options of asr_mtl_train that keep the milliseconds of a "
        "front-end's windows and steps at another sampling rate"
    )
    parser.add_argument(
        "--config", type=Path, required=True, help="Configuration of the training"
    )
    parser.add_argument(
        "--config_fs", type=int, required=True, help="Rate that it is written for, Hz"
    )
    parser.add_argument("--fs", type=int, required=True, help="Rate of the audio, Hz")
    return parser


def main(cmd: list[str] | None = None) -> None:
    """Run the command, with ``sys.argv`` when no arguments are given.

    Raises:
        UserError: If the configuration cannot be read.
    """
    args = get_parser().parse_args(cmd)
    setup_logging()
    try:
        config = yaml.safe_load(args.config.read_text(encoding="utf-8")) or {}
    except yaml.YAMLError as error:
        raise UserError(f"{args.config}: not a YAML file ({error})") from error
    if args.fs == args.config_fs:
        return
    frontend = config.get("frontend_conf") or {}
    if config.get("frontend", "default") == "default":
        frontend = {**_DEFAULTS, **frontend}
    for name in _IN_SAMPLES:
        if frontend.get(name) is not None:
            samples = frontend[name] * args.fs // args.config_fs
            print(f"--frontend_conf {name}={samples}")


if __name__ == "__main__":
    run_main(main)
