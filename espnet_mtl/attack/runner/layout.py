"""Where things lie in an attack's directory."""

import dataclasses
import hashlib
import json
import urllib.parse
from collections.abc import Sequence
from pathlib import Path

from espnet_mtl.atomic import write_text
from espnet_mtl.attack.conditions import Condition
from espnet_mtl.attack.config import AttackConfig
from espnet_mtl.attack.runner.records import Record
from espnet_mtl.errors import UserError

# What says that an attack is whole, in the order in which it is taken away.
_VOUCHERS = ("records.jsonl", "wav.scp")


def write_conditions(output_dir: Path, found: Sequence[Condition]) -> None:
    """Write ``conditions.json``, the list of conditions in order.

    Args:
        output_dir: The attack's directory.
        found: The conditions; each has the settings that made it, so that attacks of
            other strength are not compared.
    """
    rows = [condition.to_json() for condition in found]
    write_text(output_dir / "conditions.json", json.dumps(rows, indent=1) + "\n")


def write_config(output_dir: Path, config: AttackConfig) -> None:
    """Write ``config.json``, which says what was asked for.

    Args:
        output_dir: The attack's directory.
        config: The attack.
    """
    if not has_config(output_dir, config):
        # What an attack of other settings has heard with.
        (output_dir / "decoder.json").unlink(missing_ok=True)
    write_text(output_dir / "config.json", _config_text(config))


def has_config(output_dir: Path, config: AttackConfig) -> bool:
    """Tell whether the last run in a directory was one of this configuration.

    Args:
        output_dir: The attack's directory.
        config: The attack.
    """
    path = output_dir / "config.json"
    return path.is_file() and path.read_text(encoding="utf-8") == _config_text(config)


def _config_text(config: AttackConfig) -> str:
    return json.dumps(dataclasses.asdict(config), indent=1, sort_keys=True) + "\n"


def attacked_key(utt: str, condition: Condition) -> str:
    """Name an attacked utterance.

    Args:
        utt: The utterance.
        condition: What was done to it.

    Returns:
        ``<utterance>-<condition>``.
    """
    return f"{utt}-{condition.name}"


def audio_path(output_dir: Path, utt: str, condition: Condition) -> Path:
    """Tell where attacked audio lies.

    Args:
        output_dir: The attack's directory.
        utt: The utterance.
        condition: What was done to it.

    Returns:
        ``<output_dir>/wav/<condition>/<utterance>.wav``; characters of an utterance id
        that file names cannot have, such as a slash, are written as in a URL.
    """
    name = urllib.parse.quote(utt, safe="+=@,:")
    return output_dir / "wav" / condition.name / f"{name}.wav"


def forget_tables(output_dir: Path) -> None:
    """Take away what says that the audio is whole: it is about to change.

    Args:
        output_dir: The attack's directory.
    """
    for name in _VOUCHERS:
        (output_dir / name).unlink(missing_ok=True)


def hash_file(path: Path) -> str:
    """Hash a file.

    Args:
        path: The file.

    Returns:
        Its SHA-256 in hexadecimal.
    """
    return hashlib.sha256(path.read_bytes()).hexdigest()


def is_whole(record: Record | None, path: Path) -> bool:
    """Tell whether a record is there and the file is the one that it tells of.

    Args:
        record: An utterance's record, if there is one.
        path: Its audio: of this attack, or of one with other settings since.

    Returns:
        Whether nothing has to be done.
    """
    return record is not None and path.is_file() and hash_file(path) == record["sha256"]


def read_conditions(output_dir: Path) -> list[Condition]:
    """Read what :func:`write_conditions` wrote.

    Args:
        output_dir: The attack's directory.

    Returns:
        The conditions in order.

    Raises:
        UserError: If there has been no attack.
    """
    path = output_dir / "conditions.json"
    if not path.is_file():
        raise UserError(f"{output_dir}: no attack has been run here yet; run stage 15")
    rows = json.loads(path.read_text(encoding="utf-8"))
    return [Condition.from_json(row) for row in rows]
