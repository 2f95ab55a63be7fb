"""``--help`` in groups, with the options that matter first."""

import argparse
from collections.abc import Callable
from typing import Any

MATTERS = "what matters most"

Add = Callable[..., argparse.Action]


def make_parser(description: str | None, **settings: Any) -> argparse.ArgumentParser:
    """Make a parser without options: those that matter come first, help comes last.

    Add options by :func:`group`, and at the end :func:`add_help`.
    """
    return argparse.ArgumentParser(description=description, add_help=False, **settings)


def group(parser: argparse.ArgumentParser, title: str = MATTERS) -> Add:
    """Begin a group of options; return what adds one. The first one needs no title."""
    return parser.add_argument_group(title).add_argument


def add_help(parser: argparse.ArgumentParser) -> None:
    """Add ``--help``, below all other groups."""
    add = parser.add_argument_group("help").add_argument
    add("-h", "--help", action="help", help="Show this, and do nothing else")
