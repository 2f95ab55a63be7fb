"""The configuration of an attack, or of a suite of attacks."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

import msgspec

from espnet_mtl.attack.attackers import AttackerConfig
from espnet_mtl.attack.balls import NORMS, UNBOUNDED
from espnet_mtl.attack.eot import EOT
from espnet_mtl.attack.methods.base import Method
from espnet_mtl.attack.methods.pgd import PGD
from espnet_mtl.attack.methods.registry import ATTACKS, CONTROLS
from espnet_mtl.attack.quantise import FULL_SCALE, SAMPLE_FORMATS
from espnet_mtl.errors import UserError
from espnet_mtl.results.trial import RESERVED

T = TypeVar("T")
VALIDATION_SET = "valid"
"""As ``fit_data``: the validation set of whoever runs the attack."""


@dataclass(frozen=True)
class AttackSpec:
    """One attack of a configuration.

    Attributes:
        attack: Its name.
        method: The attack with its settings.
        attackers: Names of the attackers that it is run for; empty for all.
        label: What it is called in names of trials; the attack's name when empty.
        everyone: In a suite: whether it attacks all utterances, also those that an
            earlier attack has broken.
    """

    attack: str = "pgd"
    method: Method = field(default_factory=PGD)
    attackers: tuple[str, ...] = ()
    label: str = ""
    everyone: bool = False

    def __post_init__(self) -> None:
        if not self.label:
            object.__setattr__(self, "label", self.attack)


@dataclass(frozen=True)
class LoudBlackBox:
    """Black boxes with many queries at a budget where they can win, for the audit.

    Attributes:
        times: How many times as large as the largest budget theirs is.
        queries: Of the losses, for each utterance (``square``).
        transcripts: Of transcripts, for each utterance (``transcript_search``).
    """

    times: float = 8.0
    queries: int = 1000
    transcripts: int = 100

    def __post_init__(self) -> None:
        if not 1.0 <= self.times < math.inf:
            raise UserError(f"times: {self.times}: give a number of 1 or more")


@dataclass(frozen=True)
class CurveConfig:
    """How the smallest budget that breaks an utterance is looked for.

    Attributes:
        within: The search ends when what broke an utterance is at most so many times
            what did not. With ``norm: snr``, as a ratio of amplitudes.
        halvings: How often the weakest of the ``budgets`` is halved where it breaks an
            utterance, before the search gives up.
        doublings: How often the strongest is doubled where it does not.
        steps: Gradients at each budget that is tried, for attacks that have steps;
            0 for as many as the attack itself takes.
    """

    within: float = 1.1
    halvings: int = 3
    doublings: int = 3
    steps: int = 0

    def __post_init__(self) -> None:
        if not 1.0 < self.within <= 2.0:
            raise UserError(f"within: {self.within}: give a ratio above 1, up to 2")
        for name in ("halvings", "doublings", "steps"):
            if getattr(self, name) < 0:
                raise UserError(f"{name}: {getattr(self, name)}: give 0 or more")


@dataclass(frozen=True)
class AttackConfig:
    """What ``conf/attack_*.yaml`` says.

    Attributes:
        attacks: The attacks.
        name: Name of a suite: its attacks run one after another, and each utterance
            keeps the worst of them. Without a name, each attack stands for itself.
        version: Version of the suite; its name and version stand for its settings.
        changes: What was changed in a suite of this name and version for one run.
        norm: Kind of ball around the clean audio: ``linf``, ``l2`` or ``snr``.
        budgets: Radii of full scale 1; for ``snr`` dB.
        attackers: Who attacks, by name.
        controls: What is run beside the attacks: ``clean``, ``noise``, ``gaussian``,
            ``shuffled``.
        eot: Random transformations that the attack averages over; see ``EOT``.
        target_text: A target for all utterances, instead of one for each.
        ascending: Whether each budget goes on from what was found with the smaller
            one. What that has broken is broken.
        curve: How the smallest budget that breaks each utterance is looked for;
            ``None`` to leave it out.
        unbounded: Steps for each ball of an attack whose ball grows until it succeeds,
            for the audit of a suite; 0 to leave it out.
        planted: Utterances in which adversarial examples are planted, for the suite to
            find, for the audit; 0 to leave it out.
        scratch: Utterances that a suite with ascending budgets also attacks from
            scratch with the largest budget, for the audit; 0 to leave it out.
        doubled: Whether what resists a suite is attacked with as many gradients again,
            for the audit.
        black_box: See :class:`LoudBlackBox`, for the audit of a suite; ``None`` to
            leave it out.
        batch_bins: Samples of audio in a batch, padding included.
        sample_format: What the files hold: ``pcm16`` or ``float32``.
        seed: Seed of all random choices.
    """

    attacks: tuple[AttackSpec, ...] = (AttackSpec(),)
    name: str = ""
    version: int = 0
    changes: str = ""
    norm: str = "linf"
    budgets: tuple[float, ...] = (0.001,)
    attackers: Mapping[str, AttackerConfig] = field(
        default_factory=lambda: {"accent_blind": AttackerConfig(accent=0.0)}
    )
    controls: tuple[str, ...] = ("clean", "noise")
    eot: EOT = field(default_factory=EOT)
    target_text: str = ""
    ascending: bool = False
    curve: CurveConfig | None = None
    unbounded: int = 0
    planted: int = 0
    scratch: int = 0
    doubled: bool = False
    black_box: LoudBlackBox | None = None
    batch_bins: int = 1_000_000
    sample_format: str = "pcm16"
    seed: int = 0

    def __post_init__(self) -> None:
        _check_choice("norm", self.norm, NORMS)
        for control in self.controls:
            _check_choice("controls", control, ("clean", *CONTROLS))
        _check_choice("sample_format", self.sample_format, SAMPLE_FORMATS)
        for name in (*self.attackers, *(a.label for a in self.attacks), self.name):
            if name and not re.fullmatch(r"[\w.]+", str(name), re.ASCII):
                raise UserError(
                    f"'{name}': a name becomes part of file names; use letters, "
                    "digits, '_' and '.'"
                )
        if self.name in RESERVED:
            raise UserError(
                f"name: '{self.name}': means a kind of trial here; choose another name"
            )
        if "clean" not in self.controls:
            raise UserError(
                "controls: add 'clean': everything is compared with untouched audio"
            )
        self._check_budgets()
        if not self.attackers:
            raise UserError("attackers: give at least one")
        for one in self.attacks:
            for name in one.attackers:
                _check_choice(f"{one.label}: attackers", name, tuple(self.attackers))
            if (self.name or self.ascending) and not one.method.traits.in_suites:
                raise UserError(
                    f"attacks: {one.attack}: cannot be a part of a suite, nor go on "
                    "from a smaller budget (ascending): each utterance would keep its "
                    "worst case"
                )
        labels = [one.label for one in self.attacks]
        if not self.name and len(set(labels)) < len(labels):
            raise UserError("attacks: two have the same name; give one a 'label'")
        if self.batch_bins < 1:
            raise UserError("batch_bins: give a number above 0")
        self._check_audit()
        if self.curve is not None:
            self._check_curve()

    def _check_audit(self) -> None:
        for name in ("unbounded", "planted", "scratch"):
            if getattr(self, name) < 0:
                raise UserError(f"{name}: {getattr(self, name)}: give 0 or more")
        if (self.unbounded or self.doubled or self.black_box) and not self.name:
            raise UserError(
                "unbounded, doubled, black_box: only a suite with a 'name' has them"
            )
        if self.version and not self.name:
            raise UserError("version: only a suite with a 'name' has one")
        if any(one.everyone for one in self.attacks) and not self.name:
            raise UserError(
                "everyone: only for attacks of a suite with a 'name', where others "
                "attack what still resists"
            )
        if self.scratch and not (self.name and self.ascending):
            raise UserError(
                "scratch: only for a suite with a 'name' and 'ascending: true', where "
                "no attack begins anew with a larger budget"
            )
        if self.planted and not self.unbounded:
            raise UserError(
                "planted: needs 'unbounded', whose audio the planted examples are made "
                "of; write unbounded: 75, or leave planted out"
            )
        if self.planted and self.eot != EOT():
            raise UserError("planted: not with 'eot'; leave one of them out")

    def _check_curve(self) -> None:
        if not self.ascending:
            raise UserError("curve: needs 'ascending: true'")
        blind = {one.label: one.method.blind for one in self.attacks}
        words = {name: one.words for name, one in self.attackers.items()}
        others = [k for k, v in {**blind, **words}.items() if v not in (None, "target")]
        if others:
            raise UserError(
                f"curve: {', '.join(others)}: a curve is of attacks that want a target "
                "to be heard; leave 'curve' out, or these"
            )

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
            if (self.norm, self.sample_format) == (
                "linf",
                "pcm16",
            ) and budget * FULL_SCALE < 1.0:
                raise UserError(
                    f"budgets: {budget}: less than a level of 16-bit audio "
                    f"({1 / FULL_SCALE:.2g}), so that files hold nothing of it: give "
                    "more, or sample_format: float32"
                )

    @property
    def sources(self) -> list[str]:
        """Packed models that the attacks take, in order."""
        return list(dict.fromkeys(p for a in self.attacks for p in a.method.sources))

    @property
    def fit_data(self) -> list[str]:
        """Data directories that attacks are fitted on."""
        found = (a.method.fit_data for a in self.attacks)
        return [path for path in dict.fromkeys(found) if path]

    def with_validation_set(self, path: Path | None) -> "AttackConfig":
        """Put a data directory in the place of ``fit_data: valid``.

        Raises:
            UserError: If it is needed, and there is none.
        """
        if VALIDATION_SET not in self.fit_data:
            return self
        if path is None:
            raise UserError(
                f"fit_data: {VALIDATION_SET}: which validation set? Give --valid_dir "
                "DIRECTORY, or --attack_args fit_data=DIRECTORY"
            )
        attacks = [
            replace(one, method=one.method.replaced(fit_data=str(path)))
            if one.method.fit_data == VALIDATION_SET
            else one
            for one in self.attacks
        ]
        return replace(self, attacks=tuple(attacks))

    def with_sources(self, paths: Sequence[str]) -> "AttackConfig":
        """Give attacks on other models, where they name none, these packed models.

        Where there are no models, a suite goes without these attacks.

        Raises:
            UserError: If an attack that stands for itself has no models.
        """
        attacks: list[AttackSpec] = []
        for one in self.attacks:
            method = one.method
            if method.traits.needs == "models" and not method.sources:
                if not paths and self.name:
                    continue
                if not paths:
                    raise UserError(
                        f"{one.attack}: needs other packed models to compute the "
                        "attack on; give them with --source_zips, or as 'sources' in "
                        "the configuration"
                    )
                one = replace(one, method=method.replaced(sources=tuple(paths)))
            attacks.append(one)
        return replace(self, attacks=tuple(attacks))


def parse_config(settings: Mapping[str, Any]) -> AttackConfig:
    """Make a configuration of what a YAML file holds.

    An attack's own settings stand beside the common ones, or with ``attacks``, a list,
    in its items.

    Raises:
        UserError: If a setting is unknown, or has no sensible value.
    """
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
    values = {name: _parse_common(name, value) for name, value in common.items()}
    return AttackConfig(attacks=tuple(map(_parse_attack, items)), **values)


def method_settings(attack: object) -> list[str]:
    """Name an attack's own settings; those of PGD for an unknown name."""
    return list(_types(ATTACKS.get(str(attack), PGD)))


def default_settings(attack: object) -> dict[str, Any]:
    """Return the defaults of an attack's own settings; of PGD for an unknown name."""
    return ATTACKS.get(str(attack), PGD)().settings


_COMMON = {
    name: kind
    for name, kind in get_type_hints(AttackConfig).items()
    if name not in ("attacks", "changes")
}
_OF_ATTACK = ("attack", "attackers", "label", "everyone")
_WORDS_FOR_TYPES: dict[Any, str] = {
    int: "an integer",
    float: "a number",
    bool: "true or false",
    str: "a text",
    tuple[int, ...]: "a list of integers",
    tuple[float, ...]: "a list of numbers",
    tuple[str, ...]: "a list of texts",
    float | str: "a number or a text",
}


def _parse_common(name: str, value: Any) -> Any:
    if name == "eot":
        return _build(EOT, value, name)
    if name in ("curve", "black_box"):
        kind = {"curve": CurveConfig, "black_box": LoudBlackBox}[name]
        return None if value is None else _build(kind, value, name)
    if name == "attackers":
        if not isinstance(value, dict):
            raise UserError(f"{name}: {value!r}: give weights by branch, by name")
        return {
            str(one): _build(AttackerConfig, wanted, f"attackers: {one}")
            for one, wanted in value.items()
        }
    return _convert(name, value, _COMMON[name])


def _parse_attack(item: dict[str, Any]) -> AttackSpec:
    name = item.get("attack", "pgd")
    _check_choice("attack", name, tuple(ATTACKS))
    own = method_settings(name)
    unknown = sorted(set(item) - {*_OF_ATTACK, *own})
    if unknown:
        raise UserError(
            f"{', '.join(unknown)}: no such setting; {name} has {', '.join(own)}; "
            f"all attacks have {', '.join(_COMMON)}"
        )
    method = _build(ATTACKS[name], {n: v for n, v in item.items() if n in own}, "")
    types = get_type_hints(AttackSpec)
    about = {n: _convert(n, item[n], types[n]) for n in _OF_ATTACK if n in item}
    return AttackSpec(**about, method=method)


def _build(kind: type[T], settings: Any, place: str) -> T:
    """Make a dataclass of settings by name."""
    types = _types(kind)
    if not isinstance(settings, dict):
        raise UserError(f"{place}: {settings!r}: give {', '.join(types)} with values")
    unknown = sorted(set(map(str, settings)) - set(types))
    place = f"{place}: " if place else ""
    if unknown:
        raise UserError(
            f"{place}{', '.join(unknown)}: no such setting; choose from "
            f"{', '.join(types)}"
        )
    values = {n: _convert(f"{place}{n}", v, types[n]) for n, v in settings.items()}
    try:
        return kind(**values)
    except UserError as error:
        raise UserError(f"{place}{error}") from None


def _types(kind: Any) -> dict[str, Any]:
    hints = get_type_hints(kind)
    return {one.name: hints[one.name] for one in fields(kind)}


def _convert(name: str, value: Any, wanted: Any) -> Any:
    """Give a YAML value its type: 1e-3 is a text in YAML, and a list may be short."""
    is_list = str(wanted).startswith("tuple")
    if is_list and not isinstance(value, list):
        value = [value]
    try:
        return msgspec.convert(value, wanted, strict=False)
    except msgspec.ValidationError:
        kind = _WORDS_FOR_TYPES.get(wanted) or f"one of {', '.join(wanted.__args__)}"
        raise UserError(f"{name}: {value!r}: give {kind}") from None


def _check_choice(name: str, value: object, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise UserError(f"{name}: {value!r}: choose from {', '.join(choices)}")
