"""What every utterance goes through: a configuration, resolved once for one victim.

A plan is a sequence of trials that are bound to the objects they need. Whoever performs
them looks nothing up: the names in a trial are for people and paths.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import torch

from espnet_mtl.attack.attackers import (
    Attacker,
    Attackers,
    NamedAttacker,
    resolve_attacker,
)
from espnet_mtl.attack.balls import UNBOUNDED, Ball, louder, make_ball
from espnet_mtl.attack.config import (
    AttackConfig,
    AttackSpec,
    CurveConfig,
    LoudBlackBox,
)
from espnet_mtl.attack.eot import EOT
from espnet_mtl.attack.methods.base import Method
from espnet_mtl.attack.methods.registry import ATTACKS
from espnet_mtl.attack.methods.square import SquareAttack
from espnet_mtl.attack.methods.transcript_search import TranscriptSearch
from espnet_mtl.attack.methods.unbounded import Unbounded
from espnet_mtl.attack.methods.untouched import HealthCheck, Untouched
from espnet_mtl.attack.planted import DIFFICULTIES
from espnet_mtl.attack.victim import Victim
from espnet_mtl.errors import UserError
from espnet_mtl.results.trial import PLANTED, UNTOUCHED, Member, Role, Trial


@dataclass(frozen=True)
class BoundAttack:
    """One attack by one attacker.

    Attributes:
        about: What is said of it.
        method: The attack.
        attacker: What the attacker means for the victim.
        aims: Whose losses are attacked: the victim's, or those of other models; and
            what the attacker means for each.
        eot: Random transformations in front of them.
        again: How often the same attack by the same attacker comes before it in a
            suite. A second one starts from other random points, as a restart.
    """

    about: Member
    method: Method
    attacker: Attacker
    aims: tuple[tuple[Victim, Attacker], ...]
    eot: EOT
    again: int = 0


@dataclass(frozen=True)
class Needs:
    """What a trial's audio depends on, beside the model and the utterances.

    Attributes:
        truth: Whether it depends on what was said.
        decoder: Whether the decoder has a say in it.
        donor: Whether other utterances have.
        sources: Other packed models that have.
        fit_data: The data directory that the attack is fitted on; empty for none.
    """

    truth: bool
    decoder: bool
    donor: bool
    sources: tuple[str, ...]
    fit_data: str


@dataclass(frozen=True)
class PlannedTrial:
    """A trial as far as it can be known without a model: what merging reads."""

    trial: Trial
    needs: Needs


@dataclass(frozen=True)
class BoundTrial(PlannedTrial):
    """A trial, and the objects that perform it.

    Attributes:
        attacks: Several for a suite, else one.
        goal: What all of its attackers aim at.
        in_turn: Whether attacks are judged one after another, so that an utterance may
            be broken before one of them begins.
        curve: How to look for the smallest budget, in a trial that does.
    """

    attacks: tuple[BoundAttack, ...]
    goal: Attacker
    in_turn: bool = False
    curve: CurveConfig | None = None

    @classmethod
    def of(
        cls,
        trial: Trial,
        attacks: tuple[BoundAttack, ...],
        goal: Attacker,
        *,
        ascending: bool = False,
        curve: CurveConfig | None = None,
    ) -> "BoundTrial":
        """Bind a trial, and find out what it needs."""
        in_turn = trial.suite is not None or ascending
        methods = [one.method for one in attacks]
        attackers = [goal, *(one.attacker for one in attacks)]
        needs = Needs(
            truth=any(one.words != "target" for one in attackers),
            decoder=in_turn
            or any(method.traits.listens for method in methods)
            # Where the data do not tell an accent, the decoder does.
            or any(one.accent in ("away", "keep") for one in attackers),
            donor=any(method.traits.needs == "donor" for method in methods),
            sources=tuple(dict.fromkeys(p for m in methods for p in m.sources)),
            fit_data="".join(method.fit_data for method in methods),
        )
        return cls(trial, needs, attacks, goal, in_turn, curve)

    def going_on_from(self, smaller: "Sequence[BoundTrial]") -> "BoundTrial":
        """Return the trial after some of smaller budgets; see ``Trial.after``."""
        after = tuple(one.trial.name for one in smaller)
        trial = replace(self.trial, after=after)
        return BoundTrial.of(
            trial, self.attacks, self.goal, ascending=True, curve=self.curve
        )

    def ball(self, clean: torch.Tensor, lengths: torch.Tensor) -> Ball:
        """Put the trial's ball around utterances; see :func:`make_ball`."""
        return make_ball(self.trial.norm or "linf", self.trial.budget, clean, lengths)


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
    planner = _Planner(config, victim, sources)
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
    def __init__(
        self, config: AttackConfig, victim: Victim, sources: Mapping[str, Victim]
    ):
        self._config = config
        self._victim = victim
        self._sources = sources
        self._attackers = Attackers(config.attackers, victim)
        self._common: dict[str, Any] = {"seed": config.seed}
        if config.eot != EOT():
            self._common["eot"] = asdict(config.eot)
        if config.changes:
            self._common["changes"] = config.changes
        if config.target_text:
            self._common["target_text"] = config.target_text

    def controls(self) -> list[BoundTrial]:
        """Untouched audio, and noise of every budget."""
        config, first = self._config, self._attackers.distinct[0]
        plan = [self._clean()] if "clean" in config.controls else []
        for control in config.controls:
            if control == "clean":
                continue
            method = ATTACKS[control]()
            who = NamedAttacker(first.name, first.attacker)
            if method.blind:
                who = NamedAttacker("", replace(first.attacker, weights={}))
            attack = self._bind(control, method, who)
            for budget in config.budgets:
                name = self._name(control, "", budget)
                plan.append(self._trial(name, attack, budget, role="control"))
        return plan

    def _clean(self) -> BoundTrial:
        goal, settings = Attacker(), {}
        attack = self._bind(UNTOUCHED, Untouched(), NamedAttacker("", goal))
        if self._config.name or self._config.ascending:
            # What is broken is given up: a random victim must not seem so by luck.
            every = [one for spec in self._config.attacks for one in self._who(spec)]
            seeing = [one for one in every if one.attacker.weights]
            looks = (seeing or self._attackers.distinct)[0]
            settings = {"health": asdict(looks.attacker), "seed": self._config.seed}
            # What is put in front is random on purpose: here the victim alone counts.
            attack = self._bind(UNTOUCHED, HealthCheck(), looks)
            attack = replace(attack, eot=EOT())
        trial = Trial(name="clean", role="control", attack=UNTOUCHED, settings=settings)
        return BoundTrial.of(trial, (attack,), goal)

    def single(self, spec: AttackSpec) -> list[BoundTrial]:
        """An attack that stands for itself: each attacker with every budget."""
        plan = []
        for who in self._who(spec):
            attack = self._bind(spec.attack, spec.method, who)
            series = [
                self._trial(self._name(spec.label, who.name, budget), attack, budget)
                for budget in self._budgets
            ]
            plan += self._in_turn(series, self._name(spec.label, who.name, "curve"))
        return plan

    def suite(self) -> list[BoundTrial]:
        """A worst case for every budget, and what its audit needs."""
        config, goal = self._config, self._common_goal()
        attacks: list[BoundAttack] = []
        for spec in config.attacks:
            for who in self._who(spec):
                attack = self._bind(spec.attack, spec.method, who, spec.everyone)
                earlier = [(one.about.attack, one.about.attacker) for one in attacks]
                again = earlier.count((spec.attack, who.name))
                attacks.append(replace(attack, again=again))
        if not attacks:
            raise UserError(
                f"{config.name}: none of its attacks can be run on this model"
            )
        series = []
        for budget in self._budgets:
            trial = Trial(
                name=self._name(config.name, "", budget),
                role="main",
                attack=config.name,
                norm=config.norm,
                budget=float(budget),
                words=goal.words,
                to_accent=goal.accent,
                members=tuple(one.about for one in attacks),
                suite=config.version,
                doubled=config.doubled,
                settings=self._common,
            )
            series.append(BoundTrial.of(trial, tuple(attacks), goal))
        plan = self._in_turn(series, self._name(config.name, "", "curve"))
        if config.unbounded:
            plan.append(self._unbounded(series[-1:]))
            if config.planted:
                plan += self._planted(plan[-1].trial, attacks, goal)
        if config.black_box:
            loud = self._black_box(config.black_box, attacks, goal)
            plan.append(loud.going_on_from(series[-1:]) if config.ascending else loud)
        return plan

    def _unbounded(self, loudest: Sequence[BoundTrial]) -> BoundTrial:
        """An attack whose ball grows until it succeeds."""
        # One that spends nothing on the accent, if there is one, goes furthest.
        who = min(
            self._attackers.distinct, key=lambda one: "accent" in one.attacker.weights
        )
        # It checks the model, whoever attacks: no other attacker has a part in it.
        who = replace(who, also=())
        attack = self._bind("unbounded", Unbounded(self._config.unbounded), who)
        trial = self._trial("unbounded", attack, UNBOUNDED, role="audit", norm="linf")
        return trial.going_on_from(loudest) if self._config.ascending else trial

    def _black_box(
        self, wanted: LoudBlackBox, attacks: Sequence[BoundAttack], goal: Attacker
    ) -> BoundTrial:
        """Gradients at a larger budget, and black boxes on what they leave."""
        config = self._config
        gradients = [one for one in attacks if one.about.kind == "white_box"]
        who = next(
            NamedAttacker(one.about.attacker, one.attacker)
            for one in (*gradients, *attacks)
        )
        black_boxes = [
            self._bind("square", SquareAttack(queries=wanted.queries), who),
            self._bind(
                "transcript_search", TranscriptSearch(queries=wanted.transcripts), who
            ),
        ]
        members = (*gradients, *black_boxes)
        trial = Trial(
            name="black_box",
            role="audit",
            attack="black_box",
            norm=config.norm,
            budget=louder(config.norm, config.budgets, wanted.times),
            words=goal.words,
            to_accent=goal.accent,
            members=tuple(one.about for one in members),
            suite=config.version,
            settings=self._common,
        )
        return BoundTrial.of(trial, members, goal)

    def _planted(
        self, unbounded: Trial, attacks: Sequence[BoundAttack], goal: Attacker
    ) -> list[BoundTrial]:
        """What attacks with gradients find of what is planted in the victim."""
        config = self._config
        searching = tuple(one for one in attacks if one.about.kind == "white_box")
        if not searching:
            return []
        trial = Trial(
            name=PLANTED,
            role="audit",
            attack=PLANTED,
            norm=config.norm,
            budget=_much_less(config.norm, self._smallest),
            words=goal.words,
            to_accent=goal.accent,
            members=tuple(one.about for one in searching),
            after=(*unbounded.after, unbounded.name),
            subset=config.planted,
            settings={
                **self._common,
                "wheels": dict(DIFFICULTIES),
                # What the planted audio comes from
                "unbounded": config.unbounded,
                "suite": [asdict(one.about) for one in attacks],
            },
        )
        return [BoundTrial.of(trial, searching, goal)]

    @property
    def _smallest(self) -> float:
        """The smallest budget: of dB, the most."""
        budgets = list(map(float, self._config.budgets))
        return max(budgets) if self._config.norm == "snr" else min(budgets)

    @property
    def _budgets(self) -> list[float]:
        """The budgets in the order of their trials."""
        budgets = list(map(float, self._config.budgets))
        if not self._config.ascending:
            return budgets
        # Fewer dB are more noise.
        return sorted(budgets, reverse=self._config.norm == "snr")

    def _in_turn(self, series: list[BoundTrial], curve: str) -> list[BoundTrial]:
        """Let each trial go on from those of smaller budgets, if that is wanted.

        The search for the smallest budget, whose trial is named ``curve``, comes last.
        """
        if not self._config.ascending:
            return series
        plan = [one.going_on_from(series[:place]) for place, one in enumerate(series)]
        if self._config.curve is not None:
            plan.append(self._curve(curve, self._config.curve, plan))
        return plan

    def _curve(
        self, name: str, curve: CurveConfig, series: Sequence[BoundTrial]
    ) -> BoundTrial:
        """Look for the smallest budget, after those of a series."""
        last = series[-1]
        gradients = [one for one in last.attacks if one.about.kind == "white_box"]
        (attack,) = gradients[:1] or last.attacks[:1]
        if curve.steps:
            method = attack.method.with_steps(curve.steps)
            about = replace(attack.about, settings=method.settings)
            attack = replace(attack, method=method, about=about)
        trial = replace(
            last.trial,
            name=name,
            role="curve",
            budget=louder(self._config.norm, self._budgets, 2.0**curve.doublings),
            members=(attack.about,),
            doubled=False,
            settings={**self._common, "curve": asdict(curve)},
        )
        bound = BoundTrial.of(trial, (attack,), last.goal, curve=curve)
        return bound.going_on_from(series)

    def _name(self, label: str, attacker: str, budget: float | str) -> str:
        return _name_trial(label, attacker, self._config.norm, budget)

    def _trial(
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
            norm=norm or self._config.norm,
            budget=float(budget),
            words=attack.attacker.words,
            to_accent=attack.attacker.accent,
            members=(attack.about,),
            settings=self._common,
        )
        return BoundTrial.of(trial, (attack,), attack.attacker)

    def _bind(
        self, name: str, method: Method, who: NamedAttacker, everyone: bool = False
    ) -> BoundAttack:
        settings = method.settings
        aims: tuple[tuple[Victim, Attacker], ...] = ((self._victim, who.attacker),)
        if method.traits.needs == "models":
            # For these models, the attacker may have other weights.
            settings["attacker"] = asdict(self._config.attackers[who.name])
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
        return BoundAttack(about, method, who.attacker, aims, self._config.eot)

    def _on_source(self, name: str, path: str) -> Attacker:
        """Resolve an attacker for another model."""
        attacker = resolve_attacker(self._config.attackers[name], self._sources[path])
        if attacker is None:
            raise UserError(
                f"{path}: the attacker '{name}' attacks no branch of this model; give "
                "another model, or other weights"
            )
        return attacker

    def _who(self, spec: AttackSpec) -> list[NamedAttacker]:
        """List the attackers that an attack is run for."""
        if spec.method.blind:
            return [NamedAttacker("", Attacker(words=spec.method.blind))]
        every = self._attackers.distinct
        if spec.method.traits.needs == "models":
            # The same for this model may be others for the models that are attacked.
            every = self._attackers.every
        wanted = set(spec.attackers or self._config.attackers)
        return [one for one in every if wanted & {one.name, *one.also}]

    def _common_goal(self) -> Attacker:
        """What all attackers of a suite aim at, so that a worst case makes sense."""
        goals = {
            (a.words, a.accent if a.words == "keep" else "random")
            for a in (one.attacker for one in self._attackers.distinct)
        }
        if len(goals) > 1:
            raise UserError(
                "attackers: those of a suite need the same 'words', and with 'words: "
                "keep' the same 'to_accent': there is no worst case of different goals"
            )
        ((words, accent),) = goals
        return Attacker(words=words, accent=accent)


def _name_trial(label: str, attacker: str, norm: str, budget: float | str) -> str:
    """Name a trial: ``pgd_accent_blind_linf0.001``, ``standard_linf_curve``."""
    size = f"_{budget}" if isinstance(budget, str) else f"{budget:g}"
    parts = (label, attacker, f"{norm}{size}")
    return "_".join(part for part in parts if part)


def _much_less(norm: str, budget: float) -> float:
    """Return a quarter of a budget, in which a victim should resist."""
    return budget + 20.0 * math.log10(4) if norm == "snr" else budget / 4
