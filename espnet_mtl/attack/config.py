"""The configuration of an attack, and the conditions it stands for."""

import dataclasses
import logging
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from espnet_mtl.attack.attackers import resolve_weights
from espnet_mtl.errors import UserError

if TYPE_CHECKING:
    from espnet_mtl.attack.victim import Victim


@dataclass(frozen=True)
class AttackConfig:
    """What ``conf/attack_*.yaml`` says.

    Attributes:
        attack: Name of the attack.
        norm: Kind of ball around the clean audio.
        budgets: Radii, of full scale 1.
        attackers: Weight by branch, by name of attacker; see
            :func:`espnet_mtl.attack.attackers.resolve_weights`.
        controls: What is run beside the attack: ``clean``, ``noise``.
        steps: Number of gradients.
        step_size: First step, of the budget.
        momentum: What is kept of earlier gradients, from 0 to below 1.
        random_start: Whether to start at a random point of the ball.
        batch_bins: Samples of audio in a batch, padding included.
        sample_format: What the files hold: ``pcm16`` or ``float32``.
        seed: Seed of random starts, noise and accent targets.
    """

    attack: str = "pgd"
    norm: str = "linf"
    budgets: tuple[float, ...] = (0.001,)
    attackers: Mapping[str, Mapping[str, float | str]] = field(
        default_factory=lambda: {"accent_blind": {"accent": 0.0}}
    )
    controls: tuple[str, ...] = ("clean", "noise")
    steps: int = 75
    step_size: float = 0.25
    momentum: float = 0.75
    random_start: bool = True
    batch_bins: int = 1_000_000
    sample_format: str = "pcm16"
    seed: int = 0

    def settings_of(self, condition: "Condition") -> dict[str, Any]:
        """Pick the settings that a condition depends on, beside its own.

        Args:
            condition: One of this configuration's conditions.

        Returns:
            Values by name, as JSON holds them.
        """
        if condition.attack == "none":
            return {}
        if condition.attack == "noise":
            return {"seed": self.seed}
        names = ("steps", "step_size", "momentum", "random_start", "seed")
        return {name: getattr(self, name) for name in names}

    def __post_init__(self) -> None:
        _check_choice("attack", self.attack, ("pgd",))
        _check_choice("norm", self.norm, ("linf",))
        for control in self.controls:
            _check_choice("controls", control, ("clean", "noise"))
        _check_choice("sample_format", self.sample_format, ("pcm16", "float32"))
        for attacker in self.attackers:
            if not re.fullmatch(r"[\w.]+", str(attacker), re.ASCII):
                raise UserError(
                    f"attackers: '{attacker}': a name becomes part of file names; use "
                    "letters, digits, '_' and '.'"
                )
        if not self.budgets:
            raise UserError("budgets: give at least one")
        for budget in self.budgets:
            if not 0.0 < budget <= 2.0:
                raise UserError(
                    f"budgets: {budget}: a budget is a part of full scale, above 0, "
                    "such as 0.001 (32 levels of 16-bit audio)"
                )
        if not self.attackers:
            raise UserError("attackers: give at least one")
        if self.steps < 1 or self.batch_bins < 1:
            raise UserError("steps and batch_bins: give numbers above 0")
        if not 0.0 <= self.momentum < 1.0:
            raise UserError(
                f"momentum: {self.momentum}: give a number from 0 to below 1"
            )
        if not self.step_size > 0.0:
            raise UserError(f"step_size: {self.step_size}: give a number above 0")


@dataclass(frozen=True)
class Condition:
    """One way in which every utterance is treated.

    Attributes:
        name: Part of file names and keys.
        attack: ``none``, ``noise`` or the attack's name.
        attacker: Name of the attacker, where there is one.
        norm: Kind of ball, where there is one.
        budget: Radius; 0 without a ball.
        weights: Weight by branch that the attacker has for this victim.
        also: Other attackers that are the same one for this victim.
    """

    name: str
    attack: str
    attacker: str | None = None
    norm: str | None = None
    budget: float = 0.0
    weights: Mapping[str, float] = field(default_factory=dict)
    also: tuple[str, ...] = ()

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> "Condition":
        """Read what :meth:`to_json` wrote, and perhaps more."""
        known = {f.name: row[f.name] for f in dataclasses.fields(cls)}
        return cls(**{**known, "also": tuple(row["also"])})

    def to_json(self) -> dict[str, Any]:
        """Return the condition as ``conditions.json`` holds it."""
        return {**dataclasses.asdict(self), "also": list(self.also)}


def read_config(path: Path | str | None, overrides: str = "") -> AttackConfig:
    """Read an attack's configuration.

    Args:
        path: The YAML file; ``None`` for the defaults.
        overrides: ``name=value`` words that win over the file, with YAML values:
            ``steps=10 budgets=[0.001,0.002]``.

    Returns:
        The configuration.

    Raises:
        UserError: If a setting is unknown or has no sensible value.
    """
    settings: dict[str, Any] = {}
    place = "attack"
    if path is not None:
        place = str(path)
        try:
            settings = yaml.safe_load(Path(path).read_text(encoding="utf-8")) or {}
        except FileNotFoundError:
            raise UserError(f"{path}: no such attack configuration") from None
        except yaml.YAMLError as error:
            raise UserError(f"{path}: not YAML: {error}") from None
        if not isinstance(settings, dict):
            raise UserError(f"{path}: must hold 'name: value' lines")
    for word in overrides.split():
        name, equals, value = word.partition("=")
        if not equals:
            raise UserError(
                f"--attack_args: '{word}': write name=value, without blanks around '=' "
                "or inside a list"
            )
        try:
            settings[name] = yaml.safe_load(value)
        except yaml.YAMLError:
            raise UserError(f"--attack_args: '{word}': not a value in YAML") from None
        place = f"{place} with --attack_args '{overrides}'"

    known = {f.name: f.default for f in dataclasses.fields(AttackConfig)}
    unknown = sorted(set(settings) - set(known))
    if unknown:
        raise UserError(
            f"{place}: {', '.join(unknown)}: no such setting; there are "
            f"{', '.join(known)}"
        )
    try:
        return AttackConfig(
            **{
                name: _typed(name, value, known[name])
                for name, value in settings.items()
            }
        )
    except UserError as error:
        raise UserError(f"{place}: {error}") from None


def conditions(config: AttackConfig, victim: "Victim") -> list[Condition]:
    """List what every utterance goes through.

    Attackers that come to the same for the victim, as the named two do without an
    accent branch, share one condition.

    Args:
        config: The configuration.
        victim: The victim.

    Returns:
        Controls first, then by attacker and budget.
    """
    found = []
    if "clean" in config.controls:
        found.append(Condition("clean", "none"))
    if "noise" in config.controls:
        for budget in config.budgets:
            name = f"noise_{config.norm}{budget:g}"
            found.append(Condition(name, "noise", norm=config.norm, budget=budget))
    names: dict[tuple, list[str]] = {}
    for attacker, weights in config.attackers.items():
        resolved = resolve_weights(weights, victim)
        if not resolved:
            logging.warning(
                "%s: left out: this model has %s, and all of it has weight 0 for it",
                attacker,
                ", ".join(victim.weights),
            )
            continue
        # A common factor changes no signed gradient and no comparison of losses.
        total = math.fsum(resolved.values())
        shares = tuple((b, round(w / total, 12)) for b, w in sorted(resolved.items()))
        names.setdefault(shares, []).append(attacker)
    if not names:
        raise UserError("attackers: not one of them attacks anything of this model")
    for shares, (attacker, *also) in names.items():
        if also:
            logging.info(
                "%s: the same attacker as %s for this model", ", ".join(also), attacker
            )
        for budget in config.budgets:
            found.append(
                Condition(
                    name=f"{config.attack}_{attacker}_{config.norm}{budget:g}",
                    attack=config.attack,
                    attacker=attacker,
                    norm=config.norm,
                    budget=budget,
                    weights=dict(shares),
                    also=tuple(also),
                )
            )
    return found


def _check_choice(name: str, value: object, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise UserError(f"{name}: {value!r}: choose from {', '.join(choices)}")


def _typed(name: str, value: Any, default: Any) -> Any:
    """Check a YAML value against the type of the setting's default."""
    if name == "attackers":
        if not isinstance(value, dict) or not all(
            isinstance(weights, dict) for weights in value.values()
        ):
            raise UserError(f"attackers: {value!r}: give weights by branch, by name")
        return value
    if isinstance(default, tuple):
        values = value if isinstance(value, list) else [value]
        kind = type(default[0])
        return tuple(_typed(name, item, kind()) for item in values)
    if isinstance(default, float) and isinstance(value, int | float | str):
        try:  # YAML takes 1e-3 for text
            return float(value)
        except ValueError:
            pass
    elif type(value) is type(default):
        return value
    raise UserError(f"{name}: {value!r}: give a {type(default).__name__}")
