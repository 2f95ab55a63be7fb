"""Binds attacks, attackers and trials of a configuration to one victim."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from espnet_mtl.attack.attackers import (
    Attacker,
    Attackers,
    NamedAttacker,
    resolve_attacker,
)
from espnet_mtl.attack.bound import BoundAttack, BoundTrial
from espnet_mtl.attack.config import AttackConfig, AttackSpec
from espnet_mtl.attack.eot import EOT
from espnet_mtl.attack.methods.base import Method
from espnet_mtl.attack.victim import Victim
from espnet_mtl.errors import UserError
from espnet_mtl.results.trial import Member, Role, Trial


class Binder:
    """What all trials of a plan have in common.

    Args:
        config: The configuration.
        victim: The attacked model.
        sources: Other victims by path.

    Attributes:
        config: The configuration.
        attackers: The attackers, as far as they attack anything of the victim.
        common: Settings that the audio of every trial depends on.
    """

    def __init__(
        self, config: AttackConfig, victim: Victim, sources: Mapping[str, Victim]
    ):
        self.config = config
        self._victim = victim
        self._sources = sources
        self.attackers = Attackers(config.attackers, victim)
        self.common: dict[str, Any] = {"seed": config.seed}
        if config.eot != EOT():
            self.common["eot"] = asdict(config.eot)
        if config.changes:
            self.common["changes"] = config.changes
        if config.target_text:
            self.common["target_text"] = config.target_text

    @property
    def smallest(self) -> float:
        """The smallest budget: of dB, the most."""
        budgets = list(map(float, self.config.budgets))
        return max(budgets) if self.config.norm == "snr" else min(budgets)

    @property
    def budgets(self) -> list[float]:
        """The budgets in the order of their trials."""
        budgets = list(map(float, self.config.budgets))
        if not self.config.ascending:
            return budgets
        # Fewer dB are more noise.
        return sorted(budgets, reverse=self.config.norm == "snr")

    def name(self, label: str, attacker: str, budget: float | str) -> str:
        """Name a trial: ``pgd_accent_blind_linf0.001``, ``standard_linf_curve``."""
        size = f"_{budget}" if isinstance(budget, str) else f"{budget:g}"
        parts = (label, attacker, f"{self.config.norm}{size}")
        return "_".join(part for part in parts if part)

    def who(self, spec: AttackSpec) -> list[NamedAttacker]:
        """List the attackers that an attack is run for."""
        if spec.method.blind:
            return [NamedAttacker("", Attacker(words=spec.method.blind))]
        every = self.attackers.distinct
        if spec.method.traits.needs == "models":
            # The same for this model may be others for the models that are attacked.
            every = self.attackers.every
        wanted = set(spec.attackers or self.config.attackers)
        return [one for one in every if wanted & {one.name, *one.also}]

    def common_goal(self) -> Attacker:
        """What all attacks of a suite aim at, so that a worst case makes sense.

        Attacks that need nothing of the victim have a goal of their own.
        """
        aims = {
            spec.label: [one.attacker for one in self.who(spec)]
            for spec in self.config.attacks
        }
        goals = {
            (a.words, a.accent if a.words == "keep" else "random")
            for attackers in aims.values()
            for a in attackers
        }
        if len(goals) > 1:
            told = [
                f"{label} '{words}'"
                for label, attackers in aims.items()
                for words in dict.fromkeys(a.words for a in attackers)
            ]
            raise UserError(
                "attacks and attackers of a suite need the same 'words', and with "
                "'words: keep' the same 'to_accent': there is no worst case of "
                f"different goals ({', '.join(told)})"
            )
        ((words, accent),) = goals
        return Attacker(words=words, accent=accent)

    def trial(
        self,
        name: str,
        attack: BoundAttack,
        budget: float,
        *,
        role: Role = "main",
        norm: str = "",
    ) -> BoundTrial:
        """Make a trial of one attack."""
        trial = Trial(
            name=name,
            role=role,
            attack=attack.about.attack,
            norm=norm or self.config.norm,
            budget=float(budget),
            words=attack.attacker.words,
            to_accent=attack.attacker.accent,
            members=(attack.about,),
            settings=self.common,
        )
        return BoundTrial.of(trial, (attack,), attack.attacker)

    def bind(
        self, name: str, method: Method, who: NamedAttacker, everyone: bool = False
    ) -> BoundAttack:
        """Bind an attack by one attacker."""
        settings = method.settings
        if "accent" in who.attacker.weights:  # else the audio does not depend on it
            settings["to_accent"] = who.attacker.accent
        aims: tuple[tuple[Victim, Attacker], ...] = ((self._victim, who.attacker),)
        if method.traits.needs == "models":
            # For these models, the attacker may have other weights.
            settings["attacker"] = asdict(self.config.attackers[who.name])
            aims = tuple(
                (self._sources[path], self._on_source(who.name, path))
                for path in method.sources
            )
        about = Member(
            attack=name,
            attacker=who.name,
            kind=method.traits.kind,
            also=who.also,
            weights=who.attacker.weights,
            settings=settings,
            everyone=everyone,
        )
        return BoundAttack(about, method, who.attacker, aims, self.config.eot)

    def _on_source(self, name: str, path: str) -> Attacker:
        """Resolve an attacker for another model."""
        attacker = resolve_attacker(self.config.attackers[name], self._sources[path])
        if attacker is None:
            raise UserError(
                f"{path}: the attacker '{name}' attacks no branch of this model; give "
                "another model, or other weights"
            )
        return attacker
