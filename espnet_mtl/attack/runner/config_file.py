"""An attack's configuration from its file and the options that win over it."""

import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from espnet_mtl.attack.config import (
    AttackConfig,
    default_settings,
    method_settings,
    parse_config,
)
from espnet_mtl.errors import UserError


def read_config(path: Path | str | None, overrides: str = "") -> AttackConfig:
    """Read an attack's configuration.

    Args:
        path: The YAML file; ``None`` for the defaults.
        overrides: ``name=value`` words that win over the file, with YAML values:
            ``steps=10 budgets=[0.001,0.002]``. An attack's own settings go to all
            attacks that have them. One value for what has several in an attack, such
            as the steps of a chain's stages, goes to each of these. A suite is then
            called ``<name>_changed``.

    Raises:
        UserError: If a setting is unknown or has no sensible value.
    """
    settings: dict[str, Any] = {}
    place = "attack"
    if path is not None:
        place = str(path)
        settings = _read_yaml(path)
    if overrides:
        _override(settings, overrides)
        place = f"{place} with --attack_args '{overrides}'"
    try:
        config = parse_config(settings)
    except UserError as error:
        raise UserError(f"{place}: {error}") from None
    if overrides and config.name:
        # Name and version stand for the settings, which are others now.
        config = replace(config, name=f"{config.name}_changed", changes=overrides)
    return config


def _read_yaml(path: Path | str) -> dict[str, Any]:
    try:
        settings = yaml.safe_load(Path(path).read_text(encoding="utf-8")) or {}
    except FileNotFoundError:
        raise UserError(f"{path}: no such attack configuration") from None
    except yaml.YAMLError as error:
        raise UserError(f"{path}: not YAML: {error}") from None
    if not isinstance(settings, dict):
        raise UserError(f"{path}: must hold 'name: value' lines")
    return settings


def _override(settings: dict[str, Any], overrides: str) -> None:
    items = settings.get("attacks")
    try:
        words = shlex.split(overrides)
    except ValueError as error:
        raise UserError(f"--attack_args '{overrides}': {error}") from None
    for word in words:
        name, equals, value = word.partition("=")
        if not equals:
            raise UserError(
                f"--attack_args: '{word}': write name=value, without blanks around '=' "
                "or inside a list; quote a text: target_text='one two'"
            )
        try:
            parsed = yaml.safe_load(value)
        except yaml.YAMLError:
            raise UserError(f"--attack_args: '{word}': not a value in YAML") from None
        having = [
            item
            for item in (items if isinstance(items, list) else [])
            if isinstance(item, dict) and name in method_settings(item.get("attack"))
        ]
        for item in having or [settings]:
            item[name] = _for_each(item, name, parsed)


def _for_each(item: dict[str, Any], name: str, value: Any) -> Any:
    """Repeat a value as often as there are values now, where it stands for each."""
    own = default_settings(item.get("attack", "pgd"))
    now = item.get(name, own[name]) if name in own else None
    has_several = isinstance(now, list | tuple) and len(now) > 1
    if has_several and not isinstance(value, list):
        return [value] * len(now or [])
    return value
