"""The conditions that a configuration stands for, with one victim."""

import dataclasses
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from espnet_mtl.attack.attackers import Attacker, resolve_attacker
from espnet_mtl.attack.balls import UNBOUNDED
from espnet_mtl.attack.kinds import kind_of
from espnet_mtl.attack.methods.registry import ATTACKS, is_blind
from espnet_mtl.errors import UserError

if TYPE_CHECKING:
    from espnet_mtl.attack.config import AttackConfig, Member
    from espnet_mtl.attack.victim import Victim

WORST_CASE = "worst_case"


@dataclass(frozen=True)
class Condition:
    """One way in which every utterance is treated.

    Attributes:
        name: Part of file names and keys.
        attack: ``none``, a control, the attack's name, or that of the suite.
        attacker: Name of the attacker, where there is one.
        norm: Kind of ball, where there is one.
        budget: Radius, or dB; 0 without a ball.
        weights: Weight by branch that the attacker has for this victim.
        also: Other attackers that are the same one for this victim.
        words: What is to become of the words; see :class:`Attacker`.
        to_accent: What is to become of the accent.
        role: ``main``, ``control`` or ``audit``.
        settings: Settings of the attack, and what else of the configuration made it.
    """

    name: str
    attack: str
    attacker: str | None = None
    norm: str | None = None
    budget: float = 0.0
    weights: Mapping[str, float] = field(default_factory=dict)
    also: tuple[str, ...] = ()
    words: str = "target"
    to_accent: str = "random"
    role: str = "main"
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def wish(self) -> Attacker:
        """The attacker."""
        return Attacker(self.weights, self.words, self.to_accent)

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> "Condition":
        """Read what :meth:`to_json` wrote, and perhaps more."""
        names = [f.name for f in dataclasses.fields(cls)]
        known = {name: row[name] for name in names if name in row}
        return cls(**{**known, "also": tuple(row["also"])})

    def to_json(self) -> dict[str, Any]:
        """Return the condition as ``conditions.json`` holds it."""
        return {**dataclasses.asdict(self), "also": list(self.also)}


def name_condition(label: str, attacker: str | None, norm: str, budget: float) -> str:
    """Name a condition; the name becomes part of file names and keys.

    Args:
        label: What is done.
        attacker: By whom, where that makes a difference.
        norm: Kind of ball.
        budget: Its radius, or dB.

    Returns:
        Such as ``pgd_accent_blind_linf0.001``.
    """
    parts = (label, attacker, f"{norm}{budget:g}")
    return "_".join(part for part in parts if part)


def make_conditions(config: "AttackConfig", victim: "Victim") -> list[Condition]:
    """List what every utterance goes through.

    Attackers that come to the same for the victim, as the named two do without an
    accent branch, share one condition.

    Args:
        config: The configuration.
        victim: The victim.

    Returns:
        Controls first; then by attack, attacker and budget, or the suite by budget;
        then what the audit needs.

    Raises:
        UserError: If no attacker attacks anything of the victim.
    """
    attackers = _Attackers(config, victim)
    found = _controls(config, attackers)
    if config.name:
        found += _suite(config, attackers)
    else:
        for member in config.attacks:
            found += _of_member(config, member, attackers)
    names = [condition.name for condition in found]
    for name in names:
        if names.count(name) > 1:
            raise UserError(
                f"{name}: two conditions have this name; leave one out, or give an "
                "attack another 'label'"
            )
    return found


def members_of(
    config: "AttackConfig", victim: "Victim"
) -> list[tuple["Member", str, Attacker, tuple[str, ...]]]:
    """List a suite's members, each with every attacker that it is run for.

    Args:
        config: The suite.
        victim: The victim.

    Returns:
        Member, attacker's name, attacker, other names of it; in the suite's order.
    """
    attackers = _Attackers(config, victim)
    return [
        (member, name, attacker, also)
        for member in config.attacks
        for name, (attacker, also) in attackers.of(member).items()
    ]


Named = Mapping[str, tuple[Attacker, tuple[str, ...]]]


class _Attackers:
    """A configuration's attackers, and which are the same one for a victim."""

    def __init__(self, config: "AttackConfig", victim: "Victim"):
        self._resolved: dict[str, Attacker] = {}
        for name, wanted in config.attackers.items():
            attacker = resolve_attacker(wanted, victim)
            if attacker is not None:
                self._resolved[name] = attacker
                continue
            logging.warning(
                "%s: left out: this model has %s, and nothing of it is of use to this "
                "attacker",
                name,
                ", ".join(victim.weights),
            )
        if not self._resolved:
            raise UserError("attackers: not one of them attacks anything of this model")
        same: dict[tuple, list[str]] = {}
        for name, attacker in self._resolved.items():
            same.setdefault(attacker.identity, []).append(name)
        for first, *also in same.values():
            if also:
                logging.info(
                    "%s: the same attacker as %s for this model", ", ".join(also), first
                )
        self.distinct: Named = {
            first: (self._resolved[first], tuple(also))
            for first, *also in same.values()
        }

    def of(self, member: "Member") -> Named:
        """The attackers that a member is run for; one of several names is enough."""
        if is_blind(member.method):
            # Kenansville has no target; controls are compared with those who have one.
            away = member.attack == "kenansville"
            return {"": (Attacker({}, words="away" if away else "target"), ())}
        wanted = set(member.attackers or self._resolved)
        if member.attack == "transfer":
            # The same for this model may be others for the models that are attacked.
            return {n: (a, ()) for n, a in self._resolved.items() if n in wanted}
        return {
            name: (attacker, also)
            for name, (attacker, also) in self.distinct.items()
            if {name, *also} & wanted
        }


def _controls(config: "AttackConfig", attackers: _Attackers) -> list[Condition]:
    found = []
    (first, (attacker, _)), *_ = attackers.distinct.items()
    if "clean" in config.controls:
        health = {"seed": config.seed, "weights": dict(attacker.weights)}
        settings = {"health": health} if config.name else {}
        found.append(Condition("clean", "none", role="control", settings=settings))
    for control in config.controls:
        if control == "clean":
            continue
        method = ATTACKS[control]()
        blind = is_blind(method)
        for budget in config.budgets:
            found.append(
                Condition(
                    name_condition(control, None, config.norm, budget),
                    control,
                    attacker=None if blind else first,
                    norm=config.norm,
                    budget=budget,
                    weights={} if blind else attacker.weights,
                    words=attacker.words,
                    to_accent=attacker.accent,
                    role="control",
                    settings={
                        **dataclasses.asdict(method),
                        "seed": config.seed,
                        **config.in_front,
                    },
                )
            )
    return found


def _of_member(
    config: "AttackConfig", member: "Member", attackers: _Attackers
) -> list[Condition]:
    return [
        Condition(
            name=name_condition(member.label, name, config.norm, budget),
            attack=member.attack,
            attacker=name or None,
            norm=config.norm,
            budget=budget,
            weights=attacker.weights,
            also=also,
            words=attacker.words,
            to_accent=attacker.accent,
            settings={
                **_settings(config, member, name),
                "seed": config.seed,
                **config.in_front,
            },
        )
        for name, (attacker, also) in attackers.of(member).items()
        for budget in config.budgets
    ]


def _settings(config: "AttackConfig", member: "Member", name: str) -> dict[str, Any]:
    """A member's settings; for other models, an attacker may have other weights."""
    if member.attack != "transfer":
        return dict(member.settings)
    return {**member.settings, "attacker": dict(config.attackers[name])}


def _suite(config: "AttackConfig", attackers: _Attackers) -> list[Condition]:
    wish = _common_wish(attackers)
    members = [
        {
            "attack": member.attack,
            "attacker": name,
            "kind": kind_of(member.attack),
            "weights": dict(attacker.weights),
            "settings": _settings(config, member, name),
            **({"everyone": True} if member.everyone else {}),
        }
        for member in config.attacks
        for name, (attacker, _) in attackers.of(member).items()
    ]
    if not members:
        raise UserError(f"{config.name}: none of its attacks can be run on this model")
    settings = {
        "version": config.version,
        "members": members,
        "seed": config.seed,
        **({"doubled": True} if config.doubled else {}),
        **config.in_front,
    }
    found = [
        Condition(
            name=name_condition(config.name, None, config.norm, budget),
            attack=config.name,
            attacker=WORST_CASE,
            norm=config.norm,
            budget=budget,
            words=wish.words,
            to_accent=wish.accent,
            settings=settings,
        )
        for budget in config.budgets
    ]
    if config.unbounded:
        # One that spends nothing on the accent, where there is one: it goes furthest.
        every = [attacker for attacker, _ in attackers.distinct.values()]
        blind = [a for a in every if "accent" not in a.weights]
        attacker = (blind or every)[0]
        found.append(
            Condition(
                name="unbounded",
                attack="unbounded",
                attacker=WORST_CASE,
                norm="linf",
                budget=UNBOUNDED,
                weights=attacker.weights,
                words=attacker.words,
                to_accent=attacker.accent,
                role="audit",
                settings={
                    "steps": config.unbounded,
                    "seed": config.seed,
                    **config.in_front,
                },
            )
        )
    return found


def _common_wish(attackers: _Attackers) -> Attacker:
    """What all attackers of a suite wish, so that the worst case means something."""
    every = [attacker for attacker, _ in attackers.distinct.values()]
    wishes = {
        (one.words, one.accent if one.words == "keep" else "random") for one in every
    }
    if len(wishes) > 1:
        raise UserError(
            "attackers: those of a suite have to wish for the same 'words', and for "
            "'words: keep' the same 'to_accent': a worst case of unlike wishes is none"
        )
    ((words, accent),) = wishes
    return Attacker({}, words, accent)
