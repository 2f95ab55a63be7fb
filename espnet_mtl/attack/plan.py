"""What every utterance goes through: a configuration, resolved once for one victim.

A plan is a sequence of trials that are bound to the objects they need.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, replace

from espnet_mtl.attack.attackers import Attacker, NamedAttacker
from espnet_mtl.attack.binder import Binder
from espnet_mtl.attack.bound import BoundAttack, BoundTrial
from espnet_mtl.attack.config import AttackConfig, AttackSpec
from espnet_mtl.attack.eot import EOT
from espnet_mtl.attack.extra_trials import (
    make_black_box,
    make_curve,
    make_planted,
    make_scratch,
    make_unbounded,
)
from espnet_mtl.attack.methods.registry import ATTACKS
from espnet_mtl.attack.methods.untouched import HealthCheck, Untouched
from espnet_mtl.attack.victim import Victim
from espnet_mtl.errors import UserError
from espnet_mtl.results.trial import UNTOUCHED, Trial


def make_plan(
    config: AttackConfig, victim: Victim, sources: Mapping[str, Victim]
) -> tuple[BoundTrial, ...]:
    """Resolve a configuration for a victim; ``sources`` are other victims by path.

    Attackers that come to the same for the victim, as the named two do without an
    accent branch, share one trial.

    Returns:
        Controls first; then by attack, attacker and budget, or the suite by budget;
        then what the audit needs.

    Raises:
        UserError: If no attacker attacks anything of the victim, another victim takes
            audio of another rate, or two trials have the same name.
    """
    for path, source in sources.items():
        if source.rate != victim.rate:
            raise UserError(
                f"{path}: this source of a transfer attack takes audio of "
                f"{source.rate} Hz, and the attacked model takes {victim.rate} Hz. It "
                "would hear the utterances at the wrong speed: give sources of the "
                "attacked model's sampling rate"
            )
    planner = _Planner(Binder(config, victim, sources))
    plan = planner.controls()
    if config.name:
        plan += planner.suite()
    else:
        plan += [one for spec in config.attacks for one in planner.single(spec)]
    for name, times in Counter(one.trial.name for one in plan).items():
        if times > 1:
            raise UserError(
                f"{name}: two trials have this name; leave one out, or give an attack "
                "another 'label'"
            )
    return tuple(plan)


class _Planner:
    def __init__(self, binder: Binder):
        self._binder = binder
        self._config = binder.config

    def controls(self) -> list[BoundTrial]:
        """Untouched audio, and noise of every budget."""
        config, first = self._config, self._binder.attackers.distinct[0]
        plan = [self._clean()] if "clean" in config.controls else []
        for control in config.controls:
            if control == "clean":
                continue
            method = ATTACKS[control]()
            who = NamedAttacker(first.name, first.attacker)
            if method.blind:
                who = NamedAttacker("", replace(first.attacker, weights={}))
            attack = self._binder.bind(control, method, who)
            for budget in config.budgets:
                name = self._binder.name(control, "", budget)
                plan.append(self._binder.trial(name, attack, budget, role="control"))
        return plan

    def _clean(self) -> BoundTrial:
        every = [one for spec in self._config.attacks for one in self._binder.who(spec)]
        # Where nobody wants a target to be heard, it does not matter which could be.
        words = [one.attacker.words for one in every]
        about = words[0] if words and "target" not in words else "target"
        goal, settings = Attacker(words=about), {}
        attack = self._binder.bind(UNTOUCHED, Untouched(), NamedAttacker("", goal))
        if self._config.name or self._config.ascending:
            # What is broken is given up: a random victim must not seem so by luck.
            seeing = [one for one in every if one.attacker.weights]
            looks = (seeing or self._binder.attackers.distinct)[0]
            settings = {"health": asdict(looks.attacker), "seed": self._config.seed}
            # What is put in front is random on purpose: here the victim alone counts.
            attack = self._binder.bind(UNTOUCHED, HealthCheck(), looks)
            attack = replace(attack, eot=EOT())
        trial = Trial(
            name="clean",
            role="control",
            attack=UNTOUCHED,
            words=goal.words,
            settings=settings,
        )
        return BoundTrial.of(trial, (attack,), goal)

    def single(self, spec: AttackSpec) -> list[BoundTrial]:
        """An attack that stands for itself: each attacker with every budget."""
        plan = []
        for who in self._binder.who(spec):
            attack = self._binder.bind(spec.attack, spec.method, who)
            series = [
                self._binder.trial(
                    self._binder.name(spec.label, who.name, budget), attack, budget
                )
                for budget in self._binder.budgets
            ]
            plan += self._in_turn(
                series, self._binder.name(spec.label, who.name, "curve")
            )
        return plan

    def suite(self) -> list[BoundTrial]:
        """A worst case for every budget, and what its audit needs."""
        config = self._config
        attacks: list[BoundAttack] = []
        for spec in config.attacks:
            for who in self._binder.who(spec):
                attack = self._binder.bind(spec.attack, spec.method, who, spec.everyone)
                earlier = [(one.about.attack, one.about.attacker) for one in attacks]
                again = earlier.count((spec.attack, who.name))
                attacks.append(replace(attack, again=again))
        if not attacks:
            raise UserError(
                f"{config.name}: none of its attacks can be run on this model"
            )
        goal = self._binder.common_goal()
        series = []
        for budget in self._binder.budgets:
            trial = Trial(
                name=self._binder.name(config.name, "", budget),
                role="main",
                attack=config.name,
                norm=config.norm,
                budget=float(budget),
                words=goal.words,
                to_accent=goal.accent,
                members=tuple(one.about for one in attacks),
                suite=config.version,
                doubled=config.doubled,
                settings=self._binder.common,
            )
            series.append(BoundTrial.of(trial, tuple(attacks), goal))
        plan = self._in_turn(series, self._binder.name(config.name, "", "curve"))
        if config.scratch and len(series) > 1:
            plan.append(make_scratch(self._binder, series[-1]))
        if config.unbounded:
            plan.append(make_unbounded(self._binder, series[-1:]))
            if config.planted:
                plan += make_planted(self._binder, plan[-1].trial, attacks, goal)
        if config.black_box:
            loud = make_black_box(self._binder, config.black_box, attacks, goal)
            plan.append(loud.going_on_from(series[-1:]) if config.ascending else loud)
        return plan

    def _in_turn(self, series: list[BoundTrial], curve: str) -> list[BoundTrial]:
        """Let each trial go on from those of smaller budgets, if that is wanted.

        The search for the smallest budget, whose trial is named ``curve``, comes last.
        """
        if not self._config.ascending:
            return series
        plan = [one.going_on_from(series[:place]) for place, one in enumerate(series)]
        if self._config.curve is not None:
            plan.append(make_curve(self._binder, curve, self._config.curve, plan))
        return plan
