"""The conditions that a configuration stands for, with one victim."""

import dataclasses
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from espnet_mtl.attack.attackers import Attacker, resolve_attacker
from espnet_mtl.attack.budget import UNBOUNDED
from espnet_mtl.attack.registry import ATTACKS, BLIND, kind_of
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
    attackers = _distinct_attackers(config, victim)
    found = _controls(config, attackers)
    if config.name:
        found += _suite(config, attackers)
    else:
        for member in config.attacks:
            found += _of_member(config, member, attackers)
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
    attackers = _distinct_attackers(config, victim)
    return [
        (member, name, attacker, also)
        for member in config.attacks
        for name, (attacker, also) in _chosen(member, attackers).items()
    ]


Named = Mapping[str, tuple[Attacker, tuple[str, ...]]]


def _distinct_attackers(config: "AttackConfig", victim: "Victim") -> Named:
    """Resolve the attackers; by name, with the other names of the same one."""
    names: dict[tuple, list[str]] = {}
    resolved: dict[str, Attacker] = {}
    for name, wanted in config.attackers.items():
        attacker = resolve_attacker(wanted, victim)
        if attacker is None:
            logging.warning(
                "%s: left out: this model has %s, and all of it has weight 0 for it",
                name,
                ", ".join(victim.weights),
            )
            continue
        resolved[name] = attacker
        names.setdefault(attacker.identity, []).append(name)
    if not names:
        raise UserError("attackers: not one of them attacks anything of this model")
    for first, *also in names.values():
        if also:
            logging.info(
                "%s: the same attacker as %s for this model", ", ".join(also), first
            )
    return {first: (resolved[first], tuple(also)) for first, *also in names.values()}


def _chosen(member: "Member", attackers: Named) -> Named:
    """The attackers that a member is run for; one of several names is enough."""
    if not member.attackers:
        return attackers
    return {
        name: (attacker, also)
        for name, (attacker, also) in attackers.items()
        if {name, *also} & set(member.attackers)
    }


def _controls(config: "AttackConfig", attackers: Named) -> list[Condition]:
    found = []
    if "clean" in config.controls:
        found.append(Condition("clean", "none", role="control"))
    for control in config.controls:
        if control == "clean":
            continue
        (first, (attacker, _)), *_ = attackers.items()
        blind = control in BLIND
        for budget in config.budgets:
            found.append(
                Condition(
                    f"{control}_{config.norm}{budget:g}",
                    control,
                    attacker=None if blind else first,
                    norm=config.norm,
                    budget=budget,
                    weights={} if blind else attacker.weights,
                    words=attacker.words,
                    to_accent=attacker.accent,
                    role="control",
                    settings={
                        **dataclasses.asdict(ATTACKS[control]()),
                        "seed": config.seed,
                    },
                )
            )
    return found


def _of_member(
    config: "AttackConfig", member: "Member", attackers: Named
) -> list[Condition]:
    settings = {**member.settings, "seed": config.seed, **config.in_front}
    if member.attack in BLIND:
        attackers = {"": (Attacker({}), ())}
    return [
        Condition(
            name="_".join(
                part
                for part in (member.label, name, f"{config.norm}{budget:g}")
                if part
            ),
            attack=member.attack,
            attacker=name or None,
            norm=config.norm,
            budget=budget,
            weights=attacker.weights,
            also=also,
            words=attacker.words,
            to_accent=attacker.accent,
            settings=settings,
        )
        for name, (attacker, also) in _chosen(member, attackers).items()
        for budget in config.budgets
    ]


def _suite(config: "AttackConfig", attackers: Named) -> list[Condition]:
    members = [
        {
            "attack": member.attack,
            "attacker": name,
            "kind": kind_of(member.attack),
            "weights": dict(attacker.weights),
            "settings": dict(member.settings),
        }
        for member in config.attacks
        for name, (attacker, _) in _chosen(member, attackers).items()
    ]
    settings = {
        "version": config.version,
        "members": members,
        "seed": config.seed,
        **config.in_front,
    }
    found = [
        Condition(
            name=f"{config.name}_{config.norm}{budget:g}",
            attack=config.name,
            attacker=WORST_CASE,
            norm=config.norm,
            budget=budget,
            settings=settings,
        )
        for budget in config.budgets
    ]
    if config.unbounded:
        # One that spends nothing on the accent, where there is one: it goes furthest.
        every = [attacker for attacker, _ in attackers.values()]
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
                settings={"steps": config.unbounded, "seed": config.seed},
            )
        )
    return found
