#!/usr/bin/env python3
"""Train a recogniser with an accent branch: ESPnet's asr_train with accent options."""

import argparse

from espnet_mtl.errors import run_main
from espnet_mtl.tasks.asr_mtl import ASRMTLTask


def get_parser() -> argparse.ArgumentParser:
    """Return the parser: all of ESPnet's ASR training options and the accent's."""
    return ASRMTLTask.get_parser()


def main(cmd: list[str] | None = None) -> None:
    """Train."""
    ASRMTLTask.main(cmd=cmd)


if __name__ == "__main__":
    run_main(main)
