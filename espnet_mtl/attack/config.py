"""The configuration of an attack, or of a suite of attacks."""

import dataclasses
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from espnet_mtl.attack.balls import NORMS, UNBOUNDED
from espnet_mtl.attack.eot import EOT
from espnet_mtl.attack.methods.pgd import PGD
from espnet_mtl.attack.methods.registry import ATTACKS, CONTROLS
from espnet_mtl.attack.problem import Attack
from espnet_mtl.errors import UserError


@dataclass(frozen=True)
class Member:
    """One attack of a configuration.

    Attributes:
        attack: Its name.
        method: The attack with its settings.
        attackers: Names of the attackers that it is run for; empty for all.
        label: What it is called in names of conditions.
        everyone: In a suite: whether it attacks all utterances, also those that an
            earlier member has broken.
    """

    attack: str = "pgd"
    method: Attack = field(default_factory=PGD)
    attackers: tuple[str, ...] = ()
    label: str = ""
    everyone: bool = False

    def __post_init__(self) -> None:
        if not self.label:
            object.__setattr__(self, "label", self.attack)

    @property
    def settings(self) -> dict[str, Any]:
        """The attack's settings by name."""
        return dataclasses.asdict(self.method)


@dataclass(frozen=True)
class AttackConfig:
    """What ``conf/attack_*.yaml`` says.

    Attributes:
        attacks: The attacks.
        name: Name of a suite: its attacks run one after another, and each utterance
            keeps the worst of them. Without a name, each attack stands for itself.
        version: Version of the suite; its name and version stand for its settings.
        norm: Kind of ball around the clean audio: ``linf``, ``l2`` or ``snr``.
        budgets: Radii of full scale 1; for ``snr`` dB.
        attackers: What each wishes, by name; see
            :func:`espnet_mtl.attack.attackers.resolve_attacker`.
        controls: What is run beside the attacks: ``clean``, ``noise``, ``gaussian``,
            ``shuffled``.
        eot: Random transformations that the attack averages over; see ``EOT``.
        target_text: What every utterance is to be heard as, instead of its own target.
        unbounded: Steps for each ball of an attack whose ball grows until it succeeds,
            for the audit of a suite; 0 to leave it out.
        doubled: Whether a suite's last gradient attack is run again with twice the
            steps, for the audit.
        batch_bins: Samples of audio in a batch, padding included.
        sample_format: What the files hold: ``pcm16`` or ``float32``.
        seed: Seed of all random choices.
    """

    attacks: tuple[Member, ...] = (Member(),)
    name: str = ""
    version: int = 0
    norm: str = "linf"
    budgets: tuple[float, ...] = (0.001,)
    attackers: Mapping[str, Mapping[str, float | str]] = field(
        default_factory=lambda: {"accent_blind": {"accent": 0.0}}
    )
    controls: tuple[str, ...] = ("clean", "noise")
    eot: EOT = field(default_factory=EOT)
    target_text: str = ""
    unbounded: int = 0
    doubled: bool = False
    batch_bins: int = 1_000_000
    sample_format: str = "pcm16"
    seed: int = 0

    @property
    def in_front(self) -> dict[str, Any]:
        """What else an attack depends on, where it is not the default."""
        found: dict[str, Any] = {}
        if self.eot != EOT():
            found["eot"] = dataclasses.asdict(self.eot)
        if self.target_text:
            found["target_text"] = self.target_text
        return found

    def __post_init__(self) -> None:
        _check_choice("norm", self.norm, NORMS)
        for control in self.controls:
            _check_choice("controls", control, ("clean", *CONTROLS))
        _check_choice("sample_format", self.sample_format, ("pcm16", "float32"))
        for name in (*self.attackers, *(m.label for m in self.attacks), self.name):
            if name and not re.fullmatch(r"[\w.]+", str(name), re.ASCII):
                raise UserError(
                    f"'{name}': a name becomes part of file names; use letters, "
                    "digits, '_' and '.'"
                )
        self._check_budgets()
        if not self.attackers:
            raise UserError("attackers: give at least one")
        for member in self.attacks:
            for name in member.attackers:
                _check_choice(f"{member.label}: attackers", name, tuple(self.attackers))
        labels = [member.label for member in self.attacks]
        if not self.name and len(set(labels)) < len(labels):
            raise UserError("attacks: two have the same name; give one a 'label'")
        if self.name and any(member.attack == "universal" for member in self.attacks):
            raise UserError(
                "attacks: universal: one perturbation for all is no part of a suite, "
                "which looks for the worst of each utterance"
            )
        if self.batch_bins < 1:
            raise UserError("batch_bins: give a number above 0")
        if (self.unbounded or self.doubled) and not self.name:
            raise UserError("unbounded, doubled: only a suite with a 'name' has them")

    def _check_budgets(self) -> None:
        if not self.budgets:
            raise UserError("budgets: give at least one")
        for budget in self.budgets:
            if self.norm == "snr":
                if not -100.0 <= budget <= 200.0:
                    raise UserError(f"budgets: {budget}: with norm snr, give dB")
            elif self.norm == "linf" and not 0.0 < budget <= UNBOUNDED:
                raise UserError(
                    f"budgets: {budget}: a budget is a part of full scale, above 0, "
                    "such as 0.001 (32 levels of 16-bit audio)"
                )
            elif not budget > 0.0:
                raise UserError(f"budgets: {budget}: give numbers above 0")


def read_config(path: Path | str | None, overrides: str = "") -> AttackConfig:
    """Read an attack's configuration.

    An attack's own settings stand beside the common ones, or with ``attacks``, a list,
    in its items.

    Args:
        path: The YAML file; ``None`` for the defaults.
        overrides: ``name=value`` words that win over the file, with YAML values:
            ``steps=10 budgets=[0.001,0.002]``. An attack's own settings go to all
            attacks that have them.

    Returns:
        The configuration.

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
        return _config(settings)
    except UserError as error:
        raise UserError(f"{place}: {error}") from None


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
    for word in shlex.split(overrides):
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
            if isinstance(item, dict) and name in _method_fields(item.get("attack"))
        ]
        for item in having or [settings]:
            item[name] = parsed


_COMMON = {
    f.name: f for f in dataclasses.fields(AttackConfig) if f.name not in ("attacks",)
}
_OF_MEMBER = ("attack", "attackers", "label", "everyone")


def _config(settings: dict[str, Any]) -> AttackConfig:
    common = {name: settings[name] for name in settings if name in _COMMON}
    rest = {name: settings[name] for name in settings if name not in _COMMON}
    items = rest.pop("attacks", None)
    if items is None:
        items = [rest]
    elif rest:
        raise UserError(
            f"{', '.join(sorted(rest))}: no such setting; with 'attacks', an attack's "
            "own settings stand in its item"
        )
    if not isinstance(items, list) or not all(isinstance(i, dict) for i in items):
        raise UserError("attacks: give a list of attacks, each with its settings")
    values = {
        name: _eot(value) if name == "eot" else _typed(name, value, _default(field))
        for name, value, field in ((n, v, _COMMON[n]) for n, v in common.items())
    }
    return AttackConfig(attacks=tuple(_member(item) for item in items), **values)


def _member(item: dict[str, Any]) -> Member:
    name = item.get("attack", "pgd")
    _check_choice("attack", name, tuple(ATTACKS))
    fields = _method_fields(name)
    known = (*_OF_MEMBER, *fields)
    unknown = sorted(set(item) - set(known))
    if unknown:
        raise UserError(
            f"{', '.join(unknown)}: no such setting; {name} has {', '.join(fields)}; "
            f"all attacks have {', '.join(_COMMON)}"
        )
    own = {n: _typed(n, v, _default(fields[n])) for n, v in item.items() if n in fields}
    return Member(
        attack=name,
        method=ATTACKS[name](**own),
        attackers=tuple(_typed("attackers", item.get("attackers", []), ("",))),
        label=str(item.get("label", "")),
        everyone=_typed("everyone", item.get("everyone", False), False),
    )


def _eot(value: Any) -> EOT:
    fields = {f.name: f for f in dataclasses.fields(EOT)}
    if not isinstance(value, dict) or set(value) - set(fields):
        raise UserError(f"eot: {value!r}: give {', '.join(fields)} with values")
    return EOT(
        **{n: _typed(f"eot: {n}", v, fields[n].default) for n, v in value.items()}
    )


def _method_fields(attack: Any) -> dict[str, dataclasses.Field]:
    method = ATTACKS.get(attack if isinstance(attack, str) else "pgd", PGD)
    return {f.name: f for f in dataclasses.fields(method)}


def _default(one: dataclasses.Field) -> Any:
    if one.default is not dataclasses.MISSING:
        return one.default
    return one.default_factory()


def _check_choice(name: str, value: object, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise UserError(f"{name}: {value!r}: choose from {', '.join(choices)}")


def _typed(name: str, value: Any, default: Any) -> Any:
    """Check a YAML value against the type of the setting's default."""
    if isinstance(default, dict):
        if not isinstance(value, dict) or not all(
            isinstance(weights, dict) for weights in value.values()
        ):
            raise UserError(f"{name}: {value!r}: give weights by branch, by name")
        return value
    if isinstance(default, tuple):
        values = value if isinstance(value, list) else [value]
        kind = type(default[0]) if default else str
        return tuple(_typed(name, item, kind()) for item in values)
    if isinstance(default, float) and isinstance(value, int | float | str):
        if not isinstance(value, bool):
            try:  # YAML takes 1e-3 for text
                return float(value)
            except ValueError:
                pass
    elif type(value) is type(default):
        return value
    raise UserError(f"{name}: {value!r}: give a {type(default).__name__}")
