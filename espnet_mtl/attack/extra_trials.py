"""Trials beside the reported attacks: the curve, and what the audit needs."""

import math
from collections.abc import Sequence
from dataclasses import asdict, replace

from espnet_mtl.attack.attackers import Attacker, NamedAttacker
from espnet_mtl.attack.balls import UNBOUNDED, louder
from espnet_mtl.attack.binder import Binder
from espnet_mtl.attack.bound import BoundAttack, BoundTrial
from espnet_mtl.attack.config import CurveConfig, LoudBlackBox
from espnet_mtl.attack.methods.square import SquareAttack
from espnet_mtl.attack.methods.transcript_search import TranscriptSearch
from espnet_mtl.attack.methods.unbounded import Unbounded
from espnet_mtl.attack.planted import DIFFICULTIES
from espnet_mtl.results.trial import PLANTED, SCRATCH, Trial


def make_curve(
    binder: Binder, name: str, curve: CurveConfig, series: Sequence[BoundTrial]
) -> BoundTrial:
    """Look for the smallest budget, after a series of trials with ascending budgets.

    The first attack with gradients of the series searches, or where there is none, the
    first of all: the budgets in between are many, and those of the series, which all of
    its attacks have tried, are the fixed points of the curve.
    """
    last = series[-1]
    attack = _first(last.attacks)
    if curve.steps:
        method = attack.method.with_steps(curve.steps)
        about = replace(attack.about, settings=method.settings)
        attack = replace(attack, method=method, about=about)
    trial = replace(
        last.trial,
        name=name,
        role="curve",
        budget=louder(binder.config.norm, binder.budgets, 2.0**curve.doublings),
        members=(attack.about,),
        doubled=False,
        settings={**binder.common, "curve": asdict(curve)},
    )
    bound = BoundTrial.of(trial, (attack,), last.goal, curve=curve)
    return bound.going_on_from(series)


def make_unbounded(binder: Binder, loudest: Sequence[BoundTrial]) -> BoundTrial:
    """An attack whose ball grows until it succeeds."""
    # One that spends nothing on the accent, if there is one, goes furthest.
    who = min(
        binder.attackers.distinct, key=lambda one: "accent" in one.attacker.weights
    )
    # It checks the model, whoever attacks: no other attacker has a part in it.
    who = replace(who, also=())
    attack = binder.bind("unbounded", Unbounded(binder.config.unbounded), who)
    trial = binder.trial("unbounded", attack, UNBOUNDED, role="audit", norm="linf")
    return trial.going_on_from(loudest) if binder.config.ascending else trial


def make_scratch(binder: Binder, loudest: BoundTrial) -> BoundTrial:
    """Attack some utterances with the largest budget, as if there were no smaller one.

    What goes on from a smaller budget can only gain by a larger one. This shows what
    the larger one alone is worth, and whether going on is a dead end: all attacks with
    gradients begin anew.
    """
    attacks = tuple(one for one in loudest.attacks if one.about.kind == "white_box")
    trial = replace(
        loudest.trial,
        name=SCRATCH,
        role="audit",
        attack=SCRATCH,
        members=tuple(one.about for one in attacks),
        doubled=False,
        subset=binder.config.scratch,
    )
    return BoundTrial.of(trial, attacks, loudest.goal)


def make_black_box(
    binder: Binder,
    wanted: LoudBlackBox,
    attacks: Sequence[BoundAttack],
    goal: Attacker,
) -> BoundTrial:
    """Gradients at a larger budget, and black boxes on what they leave."""
    config = binder.config
    gradients = [one for one in attacks if one.about.kind == "white_box"]
    who = next(
        NamedAttacker(one.about.attacker, one.attacker)
        for one in (*gradients, *attacks)
    )
    black_boxes = [
        binder.bind("square", SquareAttack(queries=wanted.queries), who),
        binder.bind(
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
        settings=binder.common,
    )
    return BoundTrial.of(trial, members, goal)


def make_planted(
    binder: Binder,
    unbounded: Trial,
    attacks: Sequence[BoundAttack],
    goal: Attacker,
) -> list[BoundTrial]:
    """What attacks with gradients find of what is planted in the victim."""
    config = binder.config
    searching = tuple(one for one in attacks if one.about.kind == "white_box")
    if not searching:
        return []
    trial = Trial(
        name=PLANTED,
        role="audit",
        attack=PLANTED,
        norm=config.norm,
        budget=_much_less(config.norm, binder.smallest),
        words=goal.words,
        to_accent=goal.accent,
        members=tuple(one.about for one in searching),
        after=(*unbounded.after, unbounded.name),
        subset=config.planted,
        settings={
            **binder.common,
            "wheels": dict(DIFFICULTIES),
            # What the planted audio comes from
            "unbounded": config.unbounded,
            "suite": [asdict(one.about) for one in attacks],
        },
    )
    return [BoundTrial.of(trial, searching, goal)]


def _first(attacks: Sequence[BoundAttack]) -> BoundAttack:
    """Return the first attack with gradients; where there is none, the first of all."""
    gradients = [one for one in attacks if one.about.kind == "white_box"]
    return (gradients or list(attacks))[0]


def _much_less(norm: str, budget: float) -> float:
    """Return a quarter of a budget, in which a victim should resist."""
    return budget + 20.0 * math.log10(4) if norm == "snr" else budget / 4
