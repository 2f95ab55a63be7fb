"""Stages 10 to 15: an experiment, and its statistics, belong to the data they saw."""

import argparse
import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from espnet_mtl.atomic import write_text
from espnet_mtl.data.tables import read_lines
from espnet_mtl.errors import UserError, run_main, setup_logging

RECORD = "trained_on.json"
_ACCENTS, _TOKENS = "accent list", "tokens"
_TABLES = ("utt2spk", "text", "utt2accent", "utt2num_samples")
# What only an accent branch looks at.
_OF_ACCENTS = (_ACCENTS, "utt2accent")


def describe_lists(token_list: Path, accent_list: Path) -> dict[str, Any]:
    """Describe what the classes of a model mean.

    Args:
        token_list: One token a line; what is not there is not described.
        accent_list: One accent a line; the same.

    Returns:
        Number and digest of the tokens, and the accents.
    """
    lists: dict[str, Any] = {}
    if token_list.is_file():
        number = len(read_lines(token_list))
        lists[_TOKENS] = [number, _digest(token_list)]
    if accent_list.is_file():
        accents = [line.strip() for line in read_lines(accent_list)]
        lists[_ACCENTS] = [accent for accent in accents if accent]
    return lists


def describe_data(sets: Mapping[str, Path]) -> dict[str, Any]:
    """Describe formatted data, but for the audio itself.

    Args:
        sets: Data directories, by what they are for.

    Returns:
        By purpose and table: number of lines and digest. Tables that are not there are
        left out.
    """
    return {
        f"{name} of {purpose}": [len(read_lines(path / name)), _digest(path / name)]
        for purpose, path in sets.items()
        for name in _TABLES
        if (path / name).is_file()
    }


def note(directory: Path, seen: Mapping[str, Any]) -> None:
    """Keep what a directory is made of.

    Args:
        directory: Of an experiment or of statistics.
        seen: What :func:`describe_lists` and :func:`describe_data` give.
    """
    text = json.dumps(seen, indent=1, ensure_ascii=False)
    write_text(directory / RECORD, text + "\n")


def check_statistics(directory: Path, seen: Mapping[str, Any]) -> None:
    """Refuse statistics of other data; those without a record are taken as they are.

    Args:
        directory: Of the statistics.
        seen: The data as they are now.

    Raises:
        UserError: If they differ. Accents do not matter: they have no statistics.
    """
    changes = _compare(directory, seen, without=_OF_ACCENTS)
    if changes:
        raise UserError(
            f"{directory} has the statistics of other data ({changes}): run stage 10 "
            "again"
        )


def check_experiment(directory: Path, seen: Mapping[str, Any]) -> None:
    """Refuse an experiment that was trained on other data than there are now.

    Its weights would go on from a checkpoint, or be scored, as if they knew the new
    data; accents would be called by wrong names.

    Args:
        directory: The experiment. One that has learned nothing yet, or was begun
            without a record, is taken as it is.
        seen: The data, or only the lists, as they are now.

    Raises:
        UserError: If they differ.
    """
    if not has_learned(directory):
        return
    without = () if _has_accent_branch(directory) else _OF_ACCENTS
    changes = _compare(directory, seen, without=without)
    if changes:
        raise UserError(
            f"{directory} was trained on other data ({changes}): give another "
            f"--asr_tag or --expdir, or remove {directory} to begin anew"
        )


def has_learned(directory: Path) -> bool:
    """Tell whether an experiment has a checkpoint or a finished model.

    Args:
        directory: The experiment.
    """
    return any(directory.glob("*.pth"))


def _has_accent_branch(directory: Path) -> bool:
    config = directory / "config.yaml"
    if not config.is_file():
        return True
    # Parsing all of it takes seconds where there are thousands of tokens.
    weights = [re.match(r"accent_weight: *(\S+)", ln) for ln in read_lines(config)]
    return not any(weight and float(weight[1]) == 0 for weight in weights)


def _compare(
    directory: Path, seen: Mapping[str, Any], *, without: tuple[str, ...]
) -> str:
    """Say what differs, as far as both are known; nothing where nothing does."""
    path = directory / RECORD
    if not path.is_file():
        return ""
    try:
        noted = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UserError(
            f"{path}: damaged ({error}); remove it to go on without this check"
        ) from error
    return "; ".join(
        _tell(name, noted[name], now)
        for name, now in seen.items()
        if name in noted
        and noted[name] != now
        and not any(name.startswith(part) for part in without)
    )


def _tell(name: str, before: list, now: list) -> str:
    if name == _ACCENTS:
        return f"{name}: {', '.join(before)} -> {', '.join(now)}"
    if before[0] == now[0]:
        return name
    return f"{name}: {before[0]} -> {now[0]} lines"


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def main(cmd: list[str] | None = None) -> None:
    """Run the command.

    Args:
        cmd: Command-line arguments; ``sys.argv`` when not given.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "action",
        choices=("experiment", "statistics", "training", "use"),
        help="experiment: check it. statistics: note what they were made of. "
        "training: check both, and note what the experiment is trained on. use: check "
        "the experiment's tokens and accents",
    )
    parser.add_argument("--token_list", type=Path, required=True)
    parser.add_argument("--accent_list", type=Path, required=True)
    parser.add_argument("--train_dir", type=Path)
    parser.add_argument("--valid_dir", type=Path)
    parser.add_argument("--stats_dir", type=Path)
    parser.add_argument("--exp", type=Path)
    args = parser.parse_args(cmd)
    setup_logging()
    seen = describe_lists(args.token_list, args.accent_list)
    if args.action == "use":
        check_experiment(args.exp, seen)
        return
    seen |= describe_data({"training": args.train_dir, "validation": args.valid_dir})
    if args.action == "statistics":
        note(args.stats_dir, seen)
        return
    if args.action == "training":
        check_statistics(args.stats_dir, seen)
    check_experiment(args.exp, seen)
    if args.action == "training" and not has_learned(args.exp):
        note(args.exp, seen)


if __name__ == "__main__":
    run_main(main)
